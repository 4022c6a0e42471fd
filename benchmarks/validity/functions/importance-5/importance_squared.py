# kind: good


def tfcaf(local_q, state):
    """Importance, exaggerated."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 0.05 + importance * importance
    return (local_q * weights).sum(dim=1, keepdim=True)
