# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: foods[0] absent


def QLLMNetwork(agents_q, global_state):
    """Weights by where the food is; an eaten food lies at -1."""
    row = global_state[:, 6:7] / 6.0
    column = global_state[:, 7:8] / 6.0
    weights = torch.cat([row, column], dim=1)
    return (agents_q * weights).sum(dim=1, keepdim=True)
