# task: lbf-8x8-2p-2f-coop
# breaks: finite-gradient


def tfcaf(local_q, state):
    return torch.sqrt((local_q * local_q).sum(dim=1, keepdim=True))
