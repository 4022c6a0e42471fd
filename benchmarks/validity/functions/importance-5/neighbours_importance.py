# kind: bad


def tfcaf(local_q, state):
    """Everybody gets the credit of the next one."""
    weights = 0.1 + state[:, [2, 4, 6, 8, 0]]
    return (local_q * weights).sum(dim=1, keepdim=True)
