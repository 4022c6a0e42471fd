# kind: bad


def tfcaf(local_q, state):
    """Off by one: the symbol is taken for the capacity."""
    weights = 1.0 / (1.0 + state[:, [1, 3, 5, 7, 9]])
    return (local_q * weights).sum(dim=1, keepdim=True)
