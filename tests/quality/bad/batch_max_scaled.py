# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    level = state[:, [2, 5]]
    weights = level / level.max()
    return (local_q * weights).sum(dim=1, keepdim=True)
