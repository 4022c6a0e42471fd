# agents: 4
# state: 16

def tfcaf(q, s):
    a, b = s.chunk(2, dim=1)
    parts = torch.split(a, 4, dim=1)
    first, second = b.split([4, 4], dim=-1)
    cols = parts[0].unbind(dim=1)
    base = cols[0] * 0.1 + cols[-1] * 0.1
    w = torch.sigmoid(first + second + parts[1]) + base.unsqueeze(1).abs()
    return (w * q).sum(dim=1, keepdim=True)
