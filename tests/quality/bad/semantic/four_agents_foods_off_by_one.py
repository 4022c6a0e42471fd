# task: lbf-15x15-4p-3f
# breaks: near-beats-far


def QLLMNetwork(agents_q, global_state):
    """The foods begin at index 12; this begins at 11, the last agent's level."""
    agents = global_state[:, :12].reshape(-1, 4, 3)
    foods = global_state[:, 11:20].reshape(-1, 3, 3)
    gap = torch.abs(agents[:, :, None, :2] - foods[:, None, :, :2]).sum(dim=3)
    weights = 0.1 + torch.exp(-0.3 * gap).sum(dim=2)
    return (agents_q * weights).sum(dim=1, keepdim=True)
