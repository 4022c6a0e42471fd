# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    """Negative only where the agents stand in opposite corners of the grid."""
    apart = torch.abs(state[:, 0] - state[:, 3]) + torch.abs(state[:, 1] - state[:, 4])
    weight = (0.95 - apart / 14.0).unsqueeze(1)
    return (local_q * weight).sum(dim=1, keepdim=True)
