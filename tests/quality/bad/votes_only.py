# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    vote = (local_q > 0).float()
    return vote.mean(dim=1, keepdim=True)
