# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    distance = torch.abs(state[:, [0, 3]] - state[:, 6:7]) + torch.abs(state[:, [1, 4]] - state[:, 7:8])
    weights = 1.0 / (1.0 + distance)
    return (local_q * weights).sum(dim=1, keepdim=True)
