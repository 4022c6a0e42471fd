# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    unit = state / (torch.norm(state) + 1e-6)
    weights = 1.0 + torch.abs(unit[:, [0, 3]])
    return (local_q * weights).sum(dim=1, keepdim=True)
