# kind: good


def tfcaf(local_q, state):
    """The weaker, the more it matters."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 1.0 / capacity
    return (local_q * weights).sum(dim=1, keepdim=True)
