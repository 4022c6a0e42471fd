# kind: good


def tfcaf(local_q, state):
    """Nobody is left without credit."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 0.2 + importance
    return (local_q * weights).sum(dim=1, keepdim=True)
