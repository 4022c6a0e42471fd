# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    code = torch.sin(state[:, [0, 3]]) + 0.5 * torch.cos(state[:, [1, 4]])
    return (local_q * code).sum(dim=1, keepdim=True)
