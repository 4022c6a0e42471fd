# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    distance = torch.abs(state[:, [0, 3]] - state[:, 6:7])
    weights = torch.clamp(1.0 - 0.2 * distance, min=0.05, max=1.0)
    return (local_q * weights).sum(dim=1, keepdim=True)
