# kind: bad


def tfcaf(local_q, state):
    """One agent gets nearly all the credit, always."""
    weights = torch.ones_like(local_q) * 0.05
    first = torch.ones_like(local_q[:, :1]) * 4.8
    weights = torch.cat([first, weights[:, 1:]], dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
