# agents: 3
# state: 12

def tfcaf(q, s):
    x = s.unsqueeze(-1).squeeze(-1)
    y = x.sum(1).unsqueeze(1).unsqueeze(1)
    z = torch.squeeze(y, 1)
    w = torch.ones_like(q) + 0.0 * z + q.new_zeros(q.shape[0], 3) + s.new_ones(3) * 0.1
    return torch.squeeze((w * q).sum(1, keepdim=True).unsqueeze(-1), -1)
