# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    """Reward agreement between the agents."""
    mean = local_q.mean(dim=1, keepdim=True)
    spread = ((local_q - mean) ** 2).mean(dim=1, keepdim=True)
    return mean - 0.2 * spread
