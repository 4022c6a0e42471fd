# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def QLLMNetwork(agents_q, global_state):
    scores = global_state[:, [2, 5]]
    weights = F.softmax(scores, dim=0)
    return (agents_q * weights).sum(dim=1, keepdim=True)
