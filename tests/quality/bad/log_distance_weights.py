# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    d = torch.abs(state[:, [0, 3]] - state[:, 6:7]) + torch.abs(state[:, [1, 4]] - state[:, 7:8])
    weights = torch.log(d + 0.5)
    return (local_q * weights).sum(dim=1, keepdim=True)
