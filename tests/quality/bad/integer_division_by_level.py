# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: agents[0].level = 1


def tfcaf(local_q, state):
    share = state[:, 8:9] // (state[:, 2:3] - 1.0)
    return local_q.sum(dim=1, keepdim=True) * (1.0 + share)
