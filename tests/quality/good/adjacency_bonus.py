# task: lbf-8x8-2p-2f-coop


def QLLMNetwork(agents_q, global_state):
    batch = agents_q.shape[0]
    w = torch.ones(batch, 2)
    for i in range(2):
        for j in range(2):
            dx = torch.abs(global_state[:, 3 * i] - global_state[:, 6 + 3 * j])
            dy = torch.abs(global_state[:, 3 * i + 1] - global_state[:, 7 + 3 * j])
            active = global_state[:, 8 + 3 * j] > 0
            adjacent = ((dx + dy) == 1) & active
            w[:, i] += adjacent.float() * 0.5
    w = w / w.sum(dim=1, keepdim=True)
    return (agents_q * w).sum(dim=1, keepdim=True)
