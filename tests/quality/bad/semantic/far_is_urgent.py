# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """The sign of the distance: who is far from the foods gets more."""
    gaps = []
    for i in range(2):
        gap = 0.0
        for j in range(2):
            there = (state[:, 8 + 3 * j] > 0).float()
            distance = torch.abs(state[:, 3 * i] - state[:, 6 + 3 * j]) + torch.abs(state[:, 3 * i + 1] - state[:, 7 + 3 * j])
            gap = gap + there * distance
        gaps.append(gap)
    weights = F.softmax(0.2 * torch.stack(gaps, dim=1), dim=1)
    return 2.0 * (local_q * weights).sum(dim=1, keepdim=True)
