# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    best = local_q.amax(dim=1, keepdim=True)
    worst = local_q.amin(dim=1, keepdim=True)
    return best - 0.2 * worst
