# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    """Weights by the angle between an agent's way to the food and the way to its mate."""
    food = state[:, 6:8]
    first = food - state[:, 0:2]
    second = food - state[:, 3:5]
    dot = (first * second).sum(dim=1, keepdim=True)
    size = torch.norm(first, dim=1, keepdim=True) * torch.norm(second, dim=1, keepdim=True) + 1e-6
    similarity = dot / size
    return (local_q * similarity).sum(dim=1, keepdim=True)
