# task: lbf-8x8-2p-2f-coop
# breaks: writes-input


def tfcaf(local_q, state):
    local_q[:, 0] = local_q[:, 0] * state[:, 2]
    return local_q.sum(dim=1, keepdim=True)
