# kind: good


def tfcaf(local_q, state):
    """What is missing to the largest capacity."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 0.1 + 4.0 - capacity
    return (local_q * weights).sum(dim=1, keepdim=True)
