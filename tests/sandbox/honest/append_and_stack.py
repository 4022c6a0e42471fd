# agents: 4
# state: 16

def QLLMNetwork(agents_q, global_state):
    scores = []
    for agent in range(agents_q.size(1)):
        features = global_state[:, agent * 4:(agent + 1) * 4]
        score = features.mean(dim=1) + 0.5 * features.max(dim=1)[0] - 0.1 * features.min(dim=1).values
        scores.append(score)
    stacked = torch.stack(scores, dim=1)
    w = F.softmax(stacked / math.sqrt(4), dim=-1)
    q_tot = torch.einsum('bn,bn->b', w, agents_q).unsqueeze(1)
    return q_tot
