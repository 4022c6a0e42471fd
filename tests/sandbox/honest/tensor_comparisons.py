# agents: 3
# state: 12

def tfcaf(q, s):
    x = s[:, :3]
    cond = torch.logical_and(torch.gt(x, 0.0), torch.le(x, 2.0))
    cond = torch.logical_or(cond, x.eq(3.0))
    any_near = cond.any(dim=1, keepdim=True)
    all_near = torch.all(cond, dim=1, keepdim=True)
    w = 0.2 + 0.3 * cond.float() + 0.1 * any_near.float() + 0.1 * all_near
    return (w * q).sum(dim=1, keepdim=True)
