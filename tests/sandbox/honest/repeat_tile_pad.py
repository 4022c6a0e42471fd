# agents: 3
# state: 12

def tfcaf(q, s):
    row = torch.tensor([[1.0, 2.0, 3.0]]).repeat(q.shape[0], 1)
    tiled = torch.tile(torch.tensor([0.5]), (3,))
    padded = F.pad(torch.sigmoid(s[:, :2]), (1, 0), value=1.0)
    wide = torch.repeat_interleave(s[:, :1], 3, dim=1)
    w = padded * tiled / row + 0.01 * wide.sigmoid()
    return (w * q).sum(dim=1, keepdim=True)
