# kind: mediocre


def tfcaf(local_q, state):
    """Not affine: a smooth minimum."""
    return -torch.logsumexp(-local_q, dim=1, keepdim=True)
