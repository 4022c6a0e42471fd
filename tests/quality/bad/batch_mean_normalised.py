# task: lbf-8x8-2p-2f-coop
# breaks: batch-independent


def QLLMNetwork(agents_q, global_state):
    scale = torch.abs(global_state[:, [0, 3]])
    scale = scale / (scale.mean(dim=0) + 1.0)
    return (agents_q * scale).sum(dim=1, keepdim=True)
