# task: lbf-15x15-4p-3f
# breaks: monotone


def QLLMNetwork(agents_q, global_state):
    x = torch.stack([global_state[:, 3 * i] for i in range(4)], dim=1)
    weights = 1.0 + (x - x.mean(dim=1, keepdim=True)) / 7.0
    return (agents_q * weights).sum(dim=1, keepdim=True)
