# agents: 3
# state: 12

def tfcaf(q, s):
    blocks = s.reshape(-1, 3, 4)
    mean = blocks.mean(dim=2)
    std = blocks.std(dim=-1, unbiased=False)
    var = torch.var(blocks, dim=-1)
    z = (mean - mean.mean(dim=1, keepdim=True)) / (mean.std(dim=1, keepdim=True) + 1e-5)
    w = torch.sigmoid(z) + 0.01 * std / (1 + var)
    w = w * torch.logsumexp(s, dim=1, keepdim=True).sigmoid()
    return (w * q).sum(dim=1, keepdim=True)
