# task: lbf-8x8-2p-2f-coop
# breaks: near-beats-far


def tfcaf(local_q, state):
    """Takes action 0, which is to stand still, for loading."""
    loads = (state[:, 12:14] == 0).float()
    return (local_q * (1.0 + loads)).sum(dim=1, keepdim=True)
