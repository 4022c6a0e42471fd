# kind: bad


def tfcaf(local_q, state):
    """Machines are read in the opposite order."""
    weights = 1.0 / state[:, [8, 6, 4, 2, 0]]
    return (local_q * weights).sum(dim=1, keepdim=True)
