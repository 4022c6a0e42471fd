# kind: bad


def tfcaf(local_q, state):
    """A softmax with the wrong sign."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 5.0 * F.softmax(-importance, dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
