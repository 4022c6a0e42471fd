# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    total = local_q.sum(dim=1, keepdim=True)
    return total - 0.1 * (local_q * local_q).sum(dim=1, keepdim=True)
