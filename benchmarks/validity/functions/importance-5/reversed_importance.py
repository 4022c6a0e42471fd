# kind: bad


def tfcaf(local_q, state):
    """The sign of the importance is wrong."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 3.1 - importance
    return (local_q * weights).sum(dim=1, keepdim=True)
