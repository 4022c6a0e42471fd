# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    return torch.sigmoid(state[:, 2:3] - state[:, 5:6]) + 0.1 * state[:, 8:9]
