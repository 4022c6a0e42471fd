# kind: mediocre


def tfcaf(local_q, state):
    """Hardly uses what it reads."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    weights = 1.5 - 0.2 * capacity
    return (local_q * weights).sum(dim=1, keepdim=True)
