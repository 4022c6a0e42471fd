# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    mean = state.mean(dim=0, keepdim=True)
    spread = ((state - mean) ** 2).mean(dim=0, keepdim=True)
    z = (state - mean) / torch.sqrt(spread + 1e-5)
    weights = torch.sigmoid(z[:, [2, 5]])
    return (local_q * weights).sum(dim=1, keepdim=True)
