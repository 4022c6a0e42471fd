# kind: mediocre


def tfcaf(local_q, state):
    """Not affine: the largest value, and half of the smallest."""
    return local_q.amax(dim=1, keepdim=True) + 0.5 * local_q.amin(dim=1, keepdim=True)
