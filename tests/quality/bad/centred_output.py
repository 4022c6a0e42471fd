# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    total = local_q.sum(dim=1, keepdim=True)
    return total - total.mean()
