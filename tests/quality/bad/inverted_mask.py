# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: foods[0] absent


def tfcaf(local_q, state):
    present = (state[:, 8:9] > 0).float()
    weights = present * 0.5 - (1.0 - present) * 0.5
    return (local_q * weights).sum(dim=1, keepdim=True)
