# task: lbf-8x8-2p-2f-coop
# breaks: monotone
# shows: agents[0].level = 2, foods[0].level = 4


def tfcaf(local_q, state):
    first = state[:, 2:3] * state[:, 8:9] / 6.0
    weights = torch.cat([first, 1.0 - first], dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
