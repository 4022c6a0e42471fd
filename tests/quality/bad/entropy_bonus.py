# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    levels = state[:, [8, 11]]
    p = levels / (levels.sum(dim=1, keepdim=True) + 1e-8)
    entropy = -(p * torch.log(p)).sum(dim=1, keepdim=True)
    return local_q.sum(dim=1, keepdim=True) + entropy
