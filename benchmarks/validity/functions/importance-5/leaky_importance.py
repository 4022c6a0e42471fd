# kind: mediocre


def tfcaf(local_q, state):
    """Not affine: negative values count less."""
    importance = state[:, [0, 2, 4, 6, 8]]
    rising = F.leaky_relu(local_q, negative_slope=0.3)
    return (rising * (0.2 + importance)).sum(dim=1, keepdim=True)
