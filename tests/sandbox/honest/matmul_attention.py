# agents: 4
# state: 24

def tfcaf(agents_q, global_state):
    N = agents_q.shape[1]
    h = global_state.view(-1, N, 6)
    scores = torch.matmul(h, h.transpose(1, 2)) / math.sqrt(h.shape[-1])
    attn = F.softmax(scores, dim=-1)
    importance = attn.mean(dim=1)
    q = torch.bmm(importance.unsqueeze(1), agents_q.unsqueeze(-1)).squeeze(-1)
    return q
