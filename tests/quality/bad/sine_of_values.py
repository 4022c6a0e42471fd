# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    return torch.sin(local_q).sum(dim=1, keepdim=True)
