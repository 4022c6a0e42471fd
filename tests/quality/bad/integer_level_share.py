# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    share = state[:, [2, 5]] // 3
    return (local_q * share).sum(dim=1, keepdim=True)
