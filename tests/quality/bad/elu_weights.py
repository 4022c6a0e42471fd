# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    gap = state[:, [1, 4]] - state[:, 7:8]
    return (local_q * (F.elu(gap) + 0.9)).sum(dim=1, keepdim=True)
