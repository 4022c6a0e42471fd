# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: agents[0].x = 0, agents[1].x = 0


def tfcaf(local_q, state):
    score = state[:, [0, 3]]
    z = (score - score.mean(dim=1, keepdim=True)) / score.std(dim=1, keepdim=True)
    weights = F.softmax(z, dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
