# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: agents[0].level = 1, foods[0] absent


def tfcaf(local_q, state):
    weights = (state[:, [2, 5]] - 1.0 + state[:, [6, 9]]) ** 0.5
    return (local_q * weights).sum(dim=1, keepdim=True)
