# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    ordered = torch.sort(state[:, [2, 5]], dim=0)[0]
    return (local_q * ordered).sum(dim=1, keepdim=True)
