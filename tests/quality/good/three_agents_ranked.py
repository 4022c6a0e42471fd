# task: lbf-10x10-3p-3f


def QLLMNetwork(agents_q, global_state):
    agents = global_state[:, :9].reshape(-1, 3, 3)
    foods = global_state[:, 9:18].reshape(-1, 3, 3)
    gap = torch.abs(agents[:, :, None, :2] - foods[:, None, :, :2]).sum(dim=3)
    there = (foods[:, :, 2] > 0).float().unsqueeze(1)
    pull = (there / (1.0 + gap)).sum(dim=2)
    weights = (0.1 + pull) / (0.3 + pull.sum(dim=1, keepdim=True))
    return (agents_q * weights).sum(dim=1, keepdim=True)
