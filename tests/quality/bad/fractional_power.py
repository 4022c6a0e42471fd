# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    weights = (state[:, [2, 5]] - 1.0 + state[:, [6, 9]]) ** 0.5
    return (local_q * weights).sum(dim=1, keepdim=True)
