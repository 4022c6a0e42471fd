# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    weights = 1.0 + state[:, 5:6]
    return (local_q[:, 1:] * weights).sum(dim=1, keepdim=True)
