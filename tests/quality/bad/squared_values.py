# task: lbf-8x8-2p-2f-coop
# breaks: monotone


def tfcaf(local_q, state):
    return (local_q**2).mean(dim=1, keepdim=True)
