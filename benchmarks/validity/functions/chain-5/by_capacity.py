# kind: bad


def tfcaf(local_q, state):
    """The stronger, the more: the wrong way round."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    return (local_q * capacity).sum(dim=1, keepdim=True)
