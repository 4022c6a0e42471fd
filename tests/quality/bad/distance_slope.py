# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def QLLMNetwork(agents_q, global_state):
    """Nearer agents get more credit, by a straight line that goes below zero."""
    weights = []
    for i in range(2):
        dx = torch.abs(global_state[:, 3 * i] - global_state[:, 6])
        dy = torch.abs(global_state[:, 3 * i + 1] - global_state[:, 7])
        weights.append(1.0 - 0.2 * (dx + dy))
    w = torch.stack(weights, dim=1)
    return (agents_q * w).sum(dim=1, keepdim=True)
