# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    attention = F.softmax(local_q, dim=-1)
    return (attention * local_q).sum(dim=-1, keepdim=True)
