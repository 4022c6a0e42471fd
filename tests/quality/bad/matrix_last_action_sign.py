# task: matrix-climbing
# breaks: monotone


def tfcaf(local_q, state):
    weights = 1.0 - state[:, 1:3]
    return (local_q * weights).sum(dim=1, keepdim=True)
