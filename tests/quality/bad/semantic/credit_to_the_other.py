# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """The two agents are mixed up, symmetrically: each gets what the other one earned."""
    near = []
    for i in (1, 0):
        score = 0.0
        for j in range(2):
            there = (state[:, 8 + 3 * j] > 0).float()
            gap = torch.abs(state[:, 3 * i] - state[:, 6 + 3 * j]) + torch.abs(state[:, 3 * i + 1] - state[:, 7 + 3 * j])
            score = score + there / (1.0 + gap)
        near.append(0.1 + score)
    return (local_q * torch.stack(near, dim=1)).sum(dim=1, keepdim=True)
