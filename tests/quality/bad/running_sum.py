# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    count = torch.cumsum(state[:, [2, 5]], dim=0)
    return (local_q * torch.sigmoid(count)).sum(dim=1, keepdim=True)
