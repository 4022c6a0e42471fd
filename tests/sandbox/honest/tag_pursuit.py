# agents: 3
# state: 18

def tfcaf(agents_q, global_state):
    B, N = agents_q.shape
    prey = global_state[:, -4:-2]
    prey_velocity = global_state[:, -2:]
    predators = torch.zeros(B, N, 2)
    for i in range(N):
        predators[:, i, :] = global_state[:, 4 * i:4 * i + 2]
    offset = prey.unsqueeze(1) - predators
    dist = offset.norm(dim=-1)
    heading = (offset * prey_velocity.unsqueeze(1)).sum(-1) / (dist * prey_velocity.norm(dim=-1, keepdim=True) + 1e-6)
    urgency = torch.exp(-dist) * (1.0 + 0.5 * torch.clamp(heading, -1, 1))
    blocked = torch.zeros_like(urgency)
    for i in range(N):
        for j in range(N):
            if i == j:
                continue
            closer = (dist[:, j] < dist[:, i]).float()
            blocked[:, i] += closer / (N - 1)
    w = F.softmax(urgency - blocked, dim=1)
    bias = -0.01 * dist.min(dim=1, keepdim=True)[0]
    return torch.sum(agents_q * w, dim=1, keepdim=True) * N + bias
