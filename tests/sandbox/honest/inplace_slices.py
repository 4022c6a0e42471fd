# agents: 3
# state: 12

def tfcaf(q, s):
    B = q.size(0)
    w = torch.ones(B, 3)
    w[:, 0] = 0.5
    w[:, 1:] += s[:, :2].abs()
    w[:, 2] -= 0.25 * torch.tanh(s[:, 3])
    w[..., -1] *= 2
    w[:, 0:2] /= 2.0
    w += 0.1
    w *= 1.5
    return (w * q).sum(1, keepdim=True)
