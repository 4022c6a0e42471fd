# kind: mediocre


def tfcaf(local_q, state):
    """The team shares alike in what is at stake."""
    importance = state[:, [0, 2, 4, 6, 8]]
    total = importance.sum(dim=1, keepdim=True)
    return total * local_q.mean(dim=1, keepdim=True)
