# agents: 3
# state: 12

def tfcaf(q, s):
    v = F.normalize(s.view(-1, 3, 4), p=2, dim=-1)
    cos = (v.unsqueeze(1) * v.unsqueeze(2)).sum(-1)
    w = cos.mean(-1).clamp(min=0.0) + 1e-3
    w = w / w.sum(dim=1, keepdim=True)
    return torch.sum(q * w, dim=1).unsqueeze(-1)
