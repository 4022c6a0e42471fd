# task: lbf-8x8-2p-2f-coop
# breaks: igm


def tfcaf(local_q, state):
    both = torch.minimum(local_q[:, 0:1], local_q[:, 1:2])
    return local_q.sum(dim=1, keepdim=True) - 1.5 * both
