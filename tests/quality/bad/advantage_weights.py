# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    baseline = local_q.mean(dim=1, keepdim=True)
    advantage = local_q - baseline
    weights = 1.0 + 0.1 * state[:, [2, 5]]
    return (weights * advantage).sum(dim=1, keepdim=True)
