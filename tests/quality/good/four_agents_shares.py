# task: lbf-15x15-4p-3f


def QLLMNetwork(agents_q, global_state):
    level = torch.stack([global_state[:, 3 * i + 2] for i in range(4)], dim=1)
    food = global_state[:, [14, 17, 20]].sum(dim=1, keepdim=True)
    weights = level * (1.0 + food) / ((level * (1.0 + food)).sum(dim=1, keepdim=True) + 1e-6)
    return (agents_q * weights).sum(dim=1, keepdim=True) * 4.0
