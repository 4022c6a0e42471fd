# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    turn = torch.remainder(state[:, [0, 3]], state[:, [8, 11]])
    return (local_q * (1.0 + turn)).sum(dim=1, keepdim=True)
