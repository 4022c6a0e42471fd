# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    weights = torch.sqrt(state[:, [6, 9]])
    return (local_q * weights).sum(dim=1, keepdim=True)
