# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    d = torch.stack([torch.abs(state[:, 0] - state[:, 6]), torch.abs(state[:, 3] - state[:, 6])], dim=1)
    mean = d.mean(dim=1, keepdim=True)
    std = d.std(dim=1, keepdim=True)
    weights = 1.0 + (d - mean) / (std + 1e-6) * 2.0
    return (local_q * weights).sum(dim=1, keepdim=True)
