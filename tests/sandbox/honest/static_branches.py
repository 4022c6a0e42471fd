# agents: 2
# state: 14

def tfcaf(local_q, state):
    n_agents = local_q.shape[1]
    if n_agents == 2 and state.shape[1] >= 12:
        w = torch.sigmoid(state[:, :2])
    else:
        w = torch.ones_like(local_q)
    if not 0 < n_agents <= 8:
        w = w * 0.0
    scale = max(n_agents, 1) / min(3, n_agents + 1)
    assert local_q.dim() == 2
    assert state.shape[1] > 2, "state too small"
    for k in (0, 1):
        if k in (1, 3):
            w = w * 1.01
        if k not in [0]:
            continue
        w = w + 0.001
    return (w * local_q).sum(dim=1, keepdim=True) * scale
