# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    raw = 1.0 - 0.25 * torch.abs(state[:, [0, 3]] - state[:, [1, 4]])
    weights = torch.clamp(raw, max=1.0)
    return (local_q * weights).sum(dim=1, keepdim=True)
