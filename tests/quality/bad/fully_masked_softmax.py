# task: lbf-8x8-2p-2f-coop
# breaks: finite
# shows: foods[*] absent


def QLLMNetwork(agents_q, global_state):
    """Attention over foods that are still there: nothing is left to attend to at the end of an episode."""
    levels = torch.stack([global_state[:, 8], global_state[:, 11]], dim=1)
    scores = levels.masked_fill(levels == 0, -math.inf)
    attention = F.softmax(scores, dim=1)
    return (agents_q * attention).sum(dim=1, keepdim=True)
