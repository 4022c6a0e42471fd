# kind: good


def tfcaf(local_q, state):
    """Importance, flattened."""
    importance = state[:, [0, 2, 4, 6, 8]]
    weights = 0.1 + torch.sqrt(importance + 0.01)
    return (local_q * weights).sum(dim=1, keepdim=True)
