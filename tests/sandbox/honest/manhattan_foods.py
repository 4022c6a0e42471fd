# agents: 2
# state: 14

def QLLMNetwork(agents_q, global_state):
    batch_size, n_agents = agents_q.shape[0], agents_q.shape[1]
    device = agents_q.device
    foods = global_state[:, :6].reshape(batch_size, 2, 3)
    agents = global_state[:, 6:12].reshape(batch_size, 2, 3)
    food_pos, food_level = foods[:, :, :2], foods[:, :, 2]
    agent_pos, agent_level = agents[:, :, :2], agents[:, :, 2]
    valid = (food_level > 0).float()
    dist = (agent_pos.unsqueeze(2) - food_pos.unsqueeze(1)).abs().sum(dim=-1)
    dist = dist + (1.0 - valid).unsqueeze(1) * 1e3
    adjacent = (dist <= 1.0).to(dtype=torch.float32)
    loading = (adjacent * agent_level.unsqueeze(-1)).sum(dim=1)
    enough = (loading >= food_level).float() * valid
    contribution = adjacent * agent_level.unsqueeze(-1) / (loading.unsqueeze(1) + 1e-8)
    value = (enough * food_level).unsqueeze(1)
    w = (contribution * value).sum(dim=-1)
    proximity = torch.exp(-dist.min(dim=-1)[0] / 8.0)
    w = w + 0.5 * proximity + torch.ones(batch_size, n_agents, device=device) * 0.1
    w = w / w.sum(dim=1, keepdim=True).clamp(min=1e-6)
    return n_agents * (w * agents_q).sum(dim=1, keepdim=True)
