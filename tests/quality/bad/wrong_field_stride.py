# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def QLLMNetwork(agents_q, global_state):
    """Meant to read each agent's level; a stride of 2 reads (x, level) and then goes on into the foods' sentinels."""
    level = torch.stack([global_state[:, 2 * i + 5] for i in range(2)], dim=1)
    return (agents_q * (level / 2.0)).sum(dim=1, keepdim=True)
