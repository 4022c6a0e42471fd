# kind: mediocre


def tfcaf(local_q, state):
    """Reads three machines; two get a constant."""
    capacity = state[:, [0, 2, 4, 6, 8]]
    known = torch.cat([1.0 / capacity[:, :3], torch.ones_like(capacity[:, 3:])], dim=1)
    return (local_q * known).sum(dim=1, keepdim=True)
