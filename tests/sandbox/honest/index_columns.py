# agents: 3
# state: 15

XS = [0, 3, 6]
YS = [1, 4, 7]


def tfcaf(q, s):
    x = s[:, XS]
    y = s[:, YS]
    cols = torch.tensor([2, 5, 8])
    level = s.index_select(1, cols)
    also = s[:, torch.tensor([9, 10, 11])]
    centre = torch.stack((x.mean(1), y.mean(1)), dim=-1)
    d = torch.hypot(x - centre[:, 0:1], y - centre[:, 1:2])
    w = level.clamp(min=0) / (1 + d) + also.sigmoid() * 0.1
    return torch.mul(w, q).sum(dim=1, keepdim=True)
