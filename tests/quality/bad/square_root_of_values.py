# task: lbf-8x8-2p-2f-coop
# breaks: finite-gradient


def tfcaf(local_q, state):
    return torch.sqrt(torch.clamp(local_q, min=0.0)).sum(dim=1, keepdim=True)
