# kind: mediocre


def tfcaf(local_q, state):
    """Not affine: the largest local value, and a little of all."""
    return local_q.amax(dim=1, keepdim=True) + 0.1 * local_q.sum(dim=1, keepdim=True)
