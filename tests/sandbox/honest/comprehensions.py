# agents: 4
# state: 16

N_AGENTS = 4
OFFSETS = (0, 4, 8, 12)


def tfcaf(q, s):
    levels = [s[:, o + 2] for o in OFFSETS]
    total = sum(levels)
    shares = torch.stack([level.abs() / (total.abs() + 1.0) for level in levels], dim=1)
    decay = torch.tensor([0.9 ** i for i in range(N_AGENTS)])
    mask = [1.0 if i % 2 == 0 else 0.5 for i in range(N_AGENTS)]
    w = shares * decay * torch.tensor(mask)
    return sum(w[:, i:i + 1] * q[:, i:i + 1] for i in range(N_AGENTS))
