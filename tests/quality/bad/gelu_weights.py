# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    gap = state[:, [0, 3]] - state[:, 6:7]
    return (local_q * F.gelu(gap)).sum(dim=1, keepdim=True)
