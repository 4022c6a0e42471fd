# task: lbf-8x8-2p-2f-coop
# breaks: finite-gradient
# shows: anywhere


def tfcaf(local_q, state):
    root = torch.sign(local_q) * torch.abs(local_q) ** 0.5
    return root.sum(dim=1, keepdim=True)
