# kind: mediocre


def tfcaf(local_q, state):
    """All alike, by the sum of capacities."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    return 0.1 * capacity.sum(dim=1, keepdim=True) * local_q.sum(dim=1, keepdim=True)
