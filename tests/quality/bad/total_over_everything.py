# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    share = local_q / 10.0
    return share.sum(dim=1, keepdim=True) + 0.01 * local_q.sum()
