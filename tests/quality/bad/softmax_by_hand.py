# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    score = (state[:, [0, 3]] - state[:, 6:7]) ** 2 * 3.0
    e = torch.exp(score)
    weights = e / e.sum(dim=1, keepdim=True)
    return (local_q * weights).sum(dim=1, keepdim=True)
