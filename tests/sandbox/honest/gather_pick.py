# agents: 3
# state: 12

def tfcaf(q, s):
    order = torch.argsort(s[:, :3], dim=1, descending=True)
    ranked = torch.gather(q, 1, order)
    w = torch.tensor([[0.5, 0.3, 0.2]])
    best = torch.argmax(s[:, 3:6], dim=1, keepdim=True)
    extra = q.gather(1, best)
    return (ranked * w).sum(dim=1, keepdim=True) + 0.1 * extra
