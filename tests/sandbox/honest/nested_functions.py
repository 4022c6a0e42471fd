# agents: 3
# state: 12

def tfcaf(q, s):
    eps = 1e-6

    def distance(a, b):
        return torch.sqrt((a[:, 0] - b[:, 0]) ** 2 + (a[:, 1] - b[:, 1]) ** 2 + eps)

    def agent(i):
        return s[:, 2 * i:2 * i + 2]

    w = []
    for i in range(3):
        others = [distance(agent(i), agent(j)) for j in range(3) if j != i]
        w.append(torch.exp(-torch.stack(others, dim=1).min(dim=1)[0]))
    w = torch.stack(w, dim=1)
    return (w * q).sum(dim=1, keepdim=True)
