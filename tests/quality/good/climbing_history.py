# task: matrix-climbing


def tfcaf(local_q, state):
    played = (state[:, 1:3] == 0).float()
    weights = 1.0 + 0.5 * played
    return (local_q * weights).sum(dim=1, keepdim=True)
