# agents: 3
# state: 12

def tfcaf(q, s):
    x = s.clone()
    x[:, :3] = 0
    x[:, 3:6] = x[:, 6:9]
    x[:, 0] = torch.where(s[:, 0] > 0, torch.ones_like(s[:, 0]), x[:, 0])
    y = torch.zeros(q.shape[0], 3)
    y[:, :] = torch.tensor([0.1, 0.2, 0.7])
    z = torch.zeros((q.size(0), q.size(1)), dtype=torch.float32)
    z[:, 1] = 1
    w = torch.sigmoid(x[:, :3]) + y + z * 0.1
    return (w * q).sum(1, keepdim=True)
