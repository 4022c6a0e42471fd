# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    levels = torch.stack([state[:, 2], state[:, 5]], dim=1)
    weights = levels - levels.mean(dim=1, keepdim=True)
    return (local_q * weights).sum(dim=1, keepdim=True)
