# task: lbf-8x8-2p-2f-coop
# breaks: rejected


def tfcaf(local_q, state):
    weights = torch.ones(32, 2)
    return (local_q * weights).sum(dim=1, keepdim=True)
