# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    near = F.relu(3.0 - torch.abs(state[:, [0, 3]] - state[:, 6:7]))
    weights = near / 3.0 - 0.1
    return (local_q * weights).sum(dim=1, keepdim=True)
