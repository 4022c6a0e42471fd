# task: lbf-8x8-2p-2f-coop
# breaks: igm


def tfcaf(local_q, state):
    """A small slope up, and a larger step down at every whole number."""
    return (local_q - 1.5 * torch.floor(local_q)).sum(dim=1, keepdim=True)
