# agents: 4
# state: 16

def tfcaf(q, s):
    sorted_levels, order = torch.sort(s[:, :4], dim=1)
    gap = sorted_levels[:, 1:] - sorted_levels[:, :-1]
    w = torch.cat((torch.ones_like(gap[:, :1]), torch.exp(-gap.abs())), dim=1)
    median = s.median(dim=1, keepdim=True)[0]
    return (w * q).sum(dim=1, keepdim=True) * torch.sigmoid(median + 1)
