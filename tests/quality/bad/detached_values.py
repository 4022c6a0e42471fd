# task: lbf-8x8-2p-2f-coop
# breaks: starved


def tfcaf(local_q, state):
    weights = F.softmax(state[:, [2, 5]], dim=1)
    return (local_q.detach() * weights).sum(dim=1, keepdim=True)
