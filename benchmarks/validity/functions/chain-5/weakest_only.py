# kind: good


def tfcaf(local_q, state):
    """The weakest, and a little for the others."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 0.1 + (capacity == capacity.amin(dim=1, keepdim=True)).float()
    return (local_q * weights).sum(dim=1, keepdim=True)
