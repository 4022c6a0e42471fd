# task: lbf-8x8-2p-2f-coop
# breaks: starved


def QLLMNetwork(agents_q, global_state):
    w = torch.zeros(agents_q.shape[0], 2)
    w[:, 0] = torch.sigmoid(global_state[:, 2])
    return (agents_q * w).sum(dim=1, keepdim=True)
