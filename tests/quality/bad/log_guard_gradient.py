# task: lbf-8x8-2p-2f-coop
# breaks: finite-gradient


def tfcaf(local_q, state):
    size = torch.clamp(local_q, min=0.0)
    safe = torch.where(size > 0, torch.log(size), torch.zeros_like(size))
    return local_q.sum(dim=1, keepdim=True) + 0.0 * safe.sum(dim=1, keepdim=True)
