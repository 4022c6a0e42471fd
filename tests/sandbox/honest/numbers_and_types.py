# agents: 3
# state: 12

def tfcaf(q, s):
    n = int(q.shape[1])
    half = n // 2
    ratio = float(half) / n
    count = len(range(half)) + round(2.6) + abs(-1) + q.numel() // q.shape[0]
    flag = bool(half) and True or False
    temperature = 1.0 if flag else 2.0
    scale = pow(2.0, -1) * (2 ** half) * math.pi / math.pi
    w = torch.softmax(s[:, :n] / temperature, dim=1) * ratio * scale * count
    w = w.type_as(q).float().to(q.device)
    return (w * q).sum(dim=1, keepdim=True).to(q.dtype)
