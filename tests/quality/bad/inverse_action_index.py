# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    weights = 1.0 / torch.abs(state[:, 12:14])
    return (local_q * weights).sum(dim=1, keepdim=True)
