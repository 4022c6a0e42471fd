# task: lbf-8x8-2p-2f-coop
# breaks: data-dependent-branch


def tfcaf(local_q, state):
    scale = float(state[:, 2].max())
    return local_q.sum(dim=1, keepdim=True) * scale
