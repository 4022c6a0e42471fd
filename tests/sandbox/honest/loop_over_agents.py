# agents: 3
# state: 15

def tfcaf(agents_q, global_state):
    n_agents = agents_q.shape[1]
    food_x = global_state[:, 9]
    food_y = global_state[:, 10]
    food_level = global_state[:, 11]
    weights = torch.zeros_like(agents_q)
    for i in range(n_agents):
        ax = global_state[:, 3 * i]
        ay = global_state[:, 3 * i + 1]
        level = global_state[:, 3 * i + 2]
        d = torch.abs(ax - food_x) + torch.abs(ay - food_y)
        adjacent = (d <= 1.0).float()
        weights[:, i] = level * adjacent + 1.0 / (1.0 + d)
        if i == 0:
            weights[:, i] *= 1.1
        elif i == n_agents - 1:
            weights[:, i] += 0.05 * food_level.clamp(0.0, 1.0)
        else:
            weights[:, i] = weights[:, i] + 0.01
    weights = weights / (weights.sum(dim=1, keepdim=True) + 1e-8)
    return (weights * agents_q).sum(dim=1, keepdim=True)
