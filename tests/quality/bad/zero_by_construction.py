# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: anywhere


def tfcaf(local_q, state):
    x = state[:, 0:1]
    return local_q.sum(dim=1, keepdim=True) + 1 / (x - x)
