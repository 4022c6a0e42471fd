# agents: 3
# state: 12

def tfcaf(agents_q, global_state):
    """Weight each agent by its distance to the closest landmark."""
    B, N = agents_q.shape
    pos = global_state.view(B, N, -1)[:, :, :2]
    dist = torch.norm(pos, dim=-1)
    weights = torch.softmax(-dist, dim=1)
    assert weights.shape == (B, N), f"unexpected shape {weights.shape}"
    return (weights * agents_q).sum(dim=1, keepdim=True)
