# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    gap = state[:, [2, 5]] - 0.5 * state[:, 8:9]
    weights = F.leaky_relu(gap, negative_slope=0.1) + 0.02
    return (local_q * weights).sum(dim=1, keepdim=True)
