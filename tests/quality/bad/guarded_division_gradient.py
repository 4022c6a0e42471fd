# task: lbf-8x8-2p-2f-coop
# breaks: finite-gradient


def tfcaf(local_q, state):
    """The value is guarded by where, its gradient is not: 0 * inf is nan."""
    level = state[:, [8, 11]]
    share = torch.where(level > 0, local_q / level, torch.zeros_like(local_q))
    return share.sum(dim=1, keepdim=True)
