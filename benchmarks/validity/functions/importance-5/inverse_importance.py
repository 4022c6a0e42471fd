# kind: bad


def tfcaf(local_q, state):
    """Who matters least gets most."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 1.0 / (0.2 + importance)
    return (local_q * weights).sum(dim=1, keepdim=True)
