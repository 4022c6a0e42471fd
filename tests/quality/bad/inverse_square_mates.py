# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: agents[0].x = 0, agents[0].y = 0, agents[1].x = 0, agents[1].y = 0


def tfcaf(local_q, state):
    gap = (state[:, 0:2] - state[:, 3:5]).pow(2).sum(dim=1, keepdim=True)
    return local_q.sum(dim=1, keepdim=True) / gap
