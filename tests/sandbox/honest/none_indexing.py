# agents: 3
# state: 12

def tfcaf(q, s):
    w = torch.tensor([0.2, 0.3, 0.5])[None, :]
    pos = s[:, None, :6].expand(-1, 3, -1)
    near = pos[..., ::2].sum(-1) - pos[:, :, 1::2].sum(dim=2)
    w = w * torch.sigmoid(near) + 0.01
    last = q[:, -1:]
    return (w * q).sum(dim=-1)[:, None] + 0.0 * last
