# kind: good


def tfcaf(local_q, state):
    """The true one: what an agent earns is multiplied by its importance."""
    importance = state[:, [0, 2, 4, 6, 8]]
    return (local_q * importance).sum(dim=1, keepdim=True)
