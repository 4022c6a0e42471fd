# agents: 3
# state: 12

def tfcaf(q, s):
    mask = s[:, :3] > -5.0
    logits = s[:, 3:6].masked_fill(~mask, -1e9)
    hard = torch.where(mask, s[:, 6:9], torch.full_like(s[:, 6:9], float("-inf")))
    top = hard.max(dim=1, keepdim=True).values
    top = torch.where(torch.isinf(top), torch.zeros_like(top), top)
    w = torch.softmax(logits, dim=1) + 0.01 * torch.sigmoid(top)
    return (w * q).sum(dim=1, keepdim=True)
