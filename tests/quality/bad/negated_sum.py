# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: anywhere


def tfcaf(local_q, state):
    return -local_q.sum(dim=1, keepdim=True)
