# task: lbf-8x8-2p-2f-coop
# breaks: exception


def tfcaf(local_q, state):
    worth = torch.tensor([1.0, 1.0, 2.0, 3.0])
    weights = worth[state[:, [8, 11]].long()]
    return (local_q * weights).sum(dim=1, keepdim=True)
