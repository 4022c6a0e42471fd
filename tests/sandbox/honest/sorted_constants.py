# agents: 3
# state: 12

def tfcaf(q, s):
    costs = [3, 1, 2]
    ordered = sorted(costs, reverse=True)
    back = list(reversed(ordered))
    w = torch.tensor([float(c) for c in back]) / sum(costs)
    rank = [back.index(c) for c in costs]
    w = w[rank]
    return (w * q).sum(dim=1, keepdim=True) + 0.0 * s[:, :1]
