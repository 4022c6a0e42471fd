# task: lbf-8x8-2p-2f-coop
# breaks: finite


def QLLMNetwork(agents_q, global_state):
    d0 = torch.abs(global_state[:, 0] - global_state[:, 6]) + torch.abs(global_state[:, 1] - global_state[:, 7])
    d1 = torch.abs(global_state[:, 3] - global_state[:, 6]) + torch.abs(global_state[:, 4] - global_state[:, 7])
    w = torch.stack([1.0 / d0, 1.0 / d1], dim=1)
    w = w / w.sum(dim=1, keepdim=True)
    return (agents_q * w).sum(dim=1, keepdim=True)
