# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    weights = 1.0 + torch.log(state[:, [8, 11]])
    return (local_q * torch.relu(weights) + weights * 0.01).sum(dim=1, keepdim=True)
