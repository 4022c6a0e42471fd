# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    level = state[0, [2, 5]]
    return (local_q * level).sum(dim=1, keepdim=True)
