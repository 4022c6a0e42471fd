# agents: 4
# state: 16

def softened(x):
    return F.softplus(x, beta=2.0)


def weights_of(s, n):
    raw = [softened(s[:, i] - s[:, i + n]) for i in range(n)]
    return torch.stack(raw, 1)


def tfcaf(q, s):
    n = q.shape[-1]
    w = weights_of(s, n)
    w = w / torch.clamp(w.sum(-1, keepdim=True), min=1e-6)
    return (q * w).sum(-1, keepdim=True)
