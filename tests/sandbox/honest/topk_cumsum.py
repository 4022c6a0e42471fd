# agents: 4
# state: 16

def tfcaf(q, s):
    values, indices = torch.topk(s[:, :4], k=2, dim=1)
    threshold = values[:, -1:].detach()
    active = (s[:, :4] >= threshold).float()
    c = torch.cumsum(active, dim=1).clamp(max=2.0)
    w = active * (1.0 + c) / 3.0 + 0.05
    return (w * q).sum(-1, keepdim=True)
