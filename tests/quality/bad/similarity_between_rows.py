# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def tfcaf(local_q, state):
    attention = F.softmax(state @ state.t() / 100.0, dim=1)
    mixed = attention @ local_q
    return mixed.sum(dim=1, keepdim=True)
