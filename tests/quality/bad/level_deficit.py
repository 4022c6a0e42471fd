# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def QLLMNetwork(agents_q, global_state):
    """The more levels a food still needs, the less an agent should count (but it can count below nothing)."""
    agent_level = global_state[:, [2, 5]]
    food_level = torch.maximum(global_state[:, 8], global_state[:, 11]).unsqueeze(1)
    weights = 2.0 - (food_level - agent_level)
    return (agents_q * weights).sum(dim=1, keepdim=True)
