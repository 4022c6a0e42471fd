# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    agents = torch.stack([state[:, 0:2], state[:, 3:5]], dim=1)
    foods = torch.stack([state[:, 6:8], state[:, 9:11]], dim=1)
    scores = torch.bmm(agents, foods.transpose(1, 2)) / 36.0
    weights = scores.mean(dim=2)
    return (local_q * weights).sum(dim=1, keepdim=True)
