# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    gates = torch.sigmoid(state[:, [2, 5]] - 0.5 * state[:, 8:9])
    return (local_q * gates).sum(dim=1, keepdim=True) + 0.1 * state[:, 11:12]
