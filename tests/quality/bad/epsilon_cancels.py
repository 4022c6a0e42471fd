# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    """The epsilon is there, and the sentinel -1 hits it exactly."""
    weights = 1.0 / torch.abs(state[:, [6, 9]] + 1.0)
    return (local_q * weights).sum(dim=1, keepdim=True)
