# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: foods[0].level = 4


def QLLMNetwork(agents_q, global_state):
    w = torch.ones(agents_q.shape[0], 2)
    for i in range(2):
        w[:, i] -= 0.3 * (global_state[:, 3 * i + 2] * global_state[:, 8])
    return (agents_q * w).sum(dim=1, keepdim=True)
