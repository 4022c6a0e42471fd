# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: foods[*] absent


def QLLMNetwork(agents_q, global_state):
    """Shares of the foods' levels: 0 / 0 when both are eaten."""
    levels = torch.stack([global_state[:, 8], global_state[:, 11]], dim=1)
    share = levels / levels.sum(dim=1, keepdim=True)
    return (agents_q * share).sum(dim=1, keepdim=True)
