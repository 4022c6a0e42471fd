# task: lbf-8x8-2p-2f-coop
# breaks: boolean-mask


def tfcaf(local_q, state):
    w = torch.ones_like(local_q)
    w[state[:, [8, 11]] == 0] = 0.0
    return (local_q * w).sum(dim=1, keepdim=True)
