# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: agents[0].level = 1, agents[1].level = 1, foods[0].level = 4


def QLLMNetwork(agents_q, global_state):
    team = global_state[:, 2] + global_state[:, 5]
    margin = (team - global_state[:, 8]) / 4.0
    weights = torch.stack([margin, margin], dim=1) + 0.25
    return torch.sum(agents_q * weights, dim=1, keepdim=True)
