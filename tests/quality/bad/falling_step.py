# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    """Has a slope of 0.1 everywhere, and a step down at zero that no gradient shows."""
    bonus = (local_q < 0.0).float()
    return (0.1 * local_q + bonus).sum(dim=1, keepdim=True)
