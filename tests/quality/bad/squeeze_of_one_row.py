# task: lbf-8x8-2p-2f-coop
# breaks: batch-one


def tfcaf(local_q, state):
    weight = torch.sigmoid(state[:, 2:3] - state[:, 5:6]).squeeze()
    weights = torch.stack([weight, 1.0 - weight], dim=1)
    return (local_q * weights).sum(dim=1, keepdim=True)
