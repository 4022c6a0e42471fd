# agents: 3
# state: 12

def tfcaf(q, s):
    a = F.relu(s[:, 0:3]) + F.leaky_relu(s[:, 3:6], 0.1).abs()
    b = F.elu(s[:, 6:9]) + 1.0
    c = torch.tanh(s[:, 9:12]) + 1.0
    d = F.gelu(s[:, 0:3]).clamp(min=0) + F.silu(s[:, 3:6]).clamp_min(0.0)
    e = F.hardtanh(s[:, 6:9]) + 1 + F.sigmoid(s[:, 9:12]) + F.relu6(s[:, :3]) + F.logsigmoid(s[:, :3]).exp()
    w = (a + b + c + d + e) / 10
    return (w * q).sum(dim=1, keepdim=True)
