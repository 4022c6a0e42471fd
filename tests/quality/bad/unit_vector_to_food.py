# task: lbf-8x8-2p-2f-coop
# breaks: finite


def tfcaf(local_q, state):
    way = state[:, 6:8] - state[:, 0:2]
    unit = way / torch.sqrt((way * way).sum(dim=1, keepdim=True))
    weights = unit * unit
    return (local_q * weights).sum(dim=1, keepdim=True)
