# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: agents[0].level = 1, agents[1].level = 1


def tfcaf(local_q, state):
    level = state[:, [2, 5]]
    low = level.amin(dim=1, keepdim=True)
    high = level.amax(dim=1, keepdim=True)
    weights = (level - low) / (high - low)
    return (local_q * weights).sum(dim=1, keepdim=True)
