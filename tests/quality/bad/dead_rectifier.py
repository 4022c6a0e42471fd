# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    weights = torch.relu(-state[:, [2, 5]])
    return (local_q * weights).sum(dim=1, keepdim=True)
