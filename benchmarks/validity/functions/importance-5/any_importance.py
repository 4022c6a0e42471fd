# kind: mediocre


def tfcaf(local_q, state):
    """Important or not, without how much."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 0.2 + (importance > 0).float()
    return (local_q * weights).sum(dim=1, keepdim=True)
