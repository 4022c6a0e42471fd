# kind: bad


def tfcaf(local_q, state):
    """The strongest, and a little for the others."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 0.1 + (capacity == capacity.amax(dim=1, keepdim=True)).float()
    return (local_q * weights).sum(dim=1, keepdim=True)
