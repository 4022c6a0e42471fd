# task: lbf-8x8-2p-2f-coop
# breaks: data-dependent-branch


def tfcaf(local_q, state):
    if state[:, 8].sum() > 0:
        return local_q.sum(dim=1, keepdim=True)
    return local_q.mean(dim=1, keepdim=True)
