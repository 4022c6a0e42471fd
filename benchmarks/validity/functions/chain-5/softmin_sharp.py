# kind: good


def tfcaf(local_q, state):
    """The weakest nearly alone."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 5.0 * F.softmax(-2.0 * capacity, dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
