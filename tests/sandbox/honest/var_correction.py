# agents: 3
# state: 12

def tfcaf(q, s):
    x = s[:, :9].view(s.shape[0], 3, 3)
    spread = x.var(dim=2, unbiased=False).sqrt() + torch.std(x, dim=2)
    lengths = torch.linalg.norm(x, dim=-1) + torch.linalg.vector_norm(x, ord=1, dim=-1)
    w = 1.0 / (1.0 + spread + lengths)
    return (w * q).sum(dim=1, keepdim=True)
