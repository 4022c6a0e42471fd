# kind: good


def tfcaf(local_q, state):
    """Shares of the importance in all."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 5.0 * importance / (importance.sum(dim=1, keepdim=True) + 1e-6)
    return (local_q * weights).sum(dim=1, keepdim=True)
