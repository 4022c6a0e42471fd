# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: anywhere


def tfcaf(local_q, state):
    spread = state[:, 2:3].std(dim=1, keepdim=True)
    return local_q.sum(dim=1, keepdim=True) / (1.0 + spread)
