# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """Holds an agent's row against a food's column, and the other way round."""
    weights = []
    for i in range(2):
        score = 0.0
        for j in range(2):
            there = (state[:, 8 + 3 * j] > 0).float()
            gap = torch.abs(state[:, 3 * i] - state[:, 7 + 3 * j]) + torch.abs(state[:, 3 * i + 1] - state[:, 6 + 3 * j])
            score = score + there * torch.exp(-0.5 * gap)
        weights.append(0.2 + score)
    return (local_q * torch.stack(weights, dim=1)).sum(dim=1, keepdim=True)
