# task: lbf-8x8-2p-2f-coop
# breaks: starved


def QLLMNetwork(agents_q, global_state):
    w = torch.zeros_like(agents_q)
    for i in range(2):
        w[:, 1] = torch.relu(4.0 - global_state[:, 3 * i])
    return (agents_q * w).sum(dim=1, keepdim=True)
