# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    offset = torch.stack([state[:, 6] - state[:, 0], state[:, 6] - state[:, 3]], dim=1)
    return (local_q * torch.tanh(offset)).sum(dim=1, keepdim=True)
