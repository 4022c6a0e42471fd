# agents: 4
# state: 24

def tfcaf(agents_q, global_state):
    B, N = agents_q.shape
    h = global_state.reshape(-1, N, 6)
    scores = torch.einsum('bnd,bmd->bnm', h, h) / (6 ** 0.5)
    attn = torch.softmax(scores, dim=-1)
    mixed = torch.einsum('bnm,bm->bn', attn, agents_q)
    return mixed.sum(dim=-1, keepdim=True)
