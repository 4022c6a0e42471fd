# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: foods[1] absent


def tfcaf(local_q, state):
    eaten = state[:, 11:12] == 0
    weights = torch.where(eaten, -1.0, 1.0)
    return (local_q * weights).sum(dim=1, keepdim=True)
