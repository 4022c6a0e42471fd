# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """Off by one field: row and column of a food are read from its column and its level."""
    weights = []
    for i in range(2):
        score = 0.0
        for j in range(2):
            there = (state[:, 8 + 3 * j] > 0).float()
            gap = torch.abs(state[:, 3 * i] - state[:, 7 + 3 * j]) + torch.abs(state[:, 3 * i + 1] - state[:, 8 + 3 * j])
            score = score + there / (1.0 + gap)
        weights.append(0.2 + score)
    return (local_q * torch.stack(weights, dim=1)).sum(dim=1, keepdim=True)
