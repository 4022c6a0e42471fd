# kind: bad


def tfcaf(local_q, state):
    """The stride is wrong: five numbers in a row are taken for the capacities."""
    weights = 1.0 / (1.0 + state[:, :5])
    return (local_q * weights).sum(dim=1, keepdim=True)
