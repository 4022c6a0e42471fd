# agents: 3
# state: 12

def tfcaf(q, s):
    survival = torch.sigmoid(s[:, :3])
    team = survival.prod(dim=1, keepdim=True)
    without = team / (survival + 1e-6)
    w = 1.0 - without * 0.5
    chain = torch.cumprod(survival, dim=1)
    return ((w + 0.1 * chain) * q).sum(dim=1, keepdim=True)
