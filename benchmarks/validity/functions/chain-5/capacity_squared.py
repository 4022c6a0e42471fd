# kind: bad


def tfcaf(local_q, state):
    """Likewise, and strongly."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = capacity * capacity
    return (local_q * weights).sum(dim=1, keepdim=True)
