# task: lbf-8x8-2p-2f-coop
# breaks: exception


def tfcaf(local_q, state):
    worth = torch.tensor([0.5, 1.0, 1.0, 1.0, 1.0, 2.0]).expand(state.shape[0], 6)
    weights = torch.gather(worth, 1, state[:, 12:14].long())
    return (local_q * weights).sum(dim=1, keepdim=True)
