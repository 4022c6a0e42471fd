# agents: 4
# state: 16

def tfcaf(agents_q, global_state):
    best, index = torch.max(global_state, dim=1, keepdim=True)
    worst = torch.min(global_state, dim=1, keepdim=True)[0]
    spread = best - worst
    result = global_state.max(1)
    top = result.values
    w = spread / (spread + 1.0) + 0.0 * top.unsqueeze(-1)
    return (agents_q * w).sum(dim=1, keepdim=True)
