# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    shifted = torch.flip(state[:, [2, 5]], dims=[0])
    return (local_q * shifted).sum(dim=1, keepdim=True)
