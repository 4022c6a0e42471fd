# kind: good


def tfcaf(local_q, state):
    """A softmax with the right sign."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 5.0 * F.softmax(-capacity, dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
