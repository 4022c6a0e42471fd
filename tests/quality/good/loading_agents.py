# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    loads = (state[:, 12:14] == 5).float()
    weights = 0.5 + loads
    return torch.einsum("bn,bn->b", local_q, weights).unsqueeze(1)
