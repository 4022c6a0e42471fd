# task: lbf-10x10-3p-3f
# breaks: near-beats-far


def QLLMNetwork(agents_q, global_state):
    """Reads agents as pairs (x, y), although there are three fields each."""
    foods = global_state[:, 9:18].reshape(-1, 3, 3)
    agents = global_state[:, :6].reshape(-1, 3, 2)
    gap = torch.abs(agents[:, :, None, :] - foods[:, None, :, :2]).sum(dim=3)
    there = (foods[:, :, 2] > 0).float().unsqueeze(1)
    weights = 0.1 + (there / (1.0 + gap)).sum(dim=2)
    return (agents_q * weights).sum(dim=1, keepdim=True)
