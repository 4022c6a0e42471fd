# kind: mediocre


def tfcaf(local_q, state):
    """Reads three agents; two get a constant."""
    importance = state[:, [0, 2, 4, 6, 8]]
    known = torch.cat([importance[:, :3], torch.ones_like(importance[:, 3:])], dim=1)
    weights = 0.1 + known
    return (local_q * weights).sum(dim=1, keepdim=True)
