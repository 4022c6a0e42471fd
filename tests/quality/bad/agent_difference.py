# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    lead = local_q[:, 0:1]
    follower = local_q[:, 1:2]
    return lead - 0.5 * follower
