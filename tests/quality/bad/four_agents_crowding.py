# task: lbf-15x15-4p-3f
# breaks: finite
# shows: agents[0].x = 0, agents[1].x = 0, agents[2].x = 0, agents[3].x = 0


def QLLMNetwork(agents_q, global_state):
    x = torch.stack([global_state[:, 3 * i] for i in range(4)], dim=1)
    spread = x.var(dim=1, keepdim=True)
    return agents_q.sum(dim=1, keepdim=True) / spread
