# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    rising = F.leaky_relu(local_q, negative_slope=0.2)
    return (rising * (1.0 + state[:, [2, 5]])).sum(dim=1, keepdim=True)
