# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """The mask is inverted: only foods that are gone count."""
    weights = []
    for i in range(2):
        score = 0.0
        for j in range(2):
            gone = (state[:, 8 + 3 * j] <= 0).float()
            gap = torch.abs(state[:, 3 * i] - state[:, 6 + 3 * j]) + torch.abs(state[:, 3 * i + 1] - state[:, 7 + 3 * j])
            score = score + gone / (1.0 + gap)
        weights.append(0.2 + score)
    return (local_q * torch.stack(weights, dim=1)).sum(dim=1, keepdim=True)
