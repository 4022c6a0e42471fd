# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    active = state[:, 12:14] * 0.2 + 0.1
    return (local_q * active).sum(dim=1, keepdim=True)
