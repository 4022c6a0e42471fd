# kind: bad


def tfcaf(local_q, state):
    """Agents are read in the opposite order."""
    weights = 0.1 + state[:, [8, 6, 4, 2, 0]]
    return (local_q * weights).sum(dim=1, keepdim=True)
