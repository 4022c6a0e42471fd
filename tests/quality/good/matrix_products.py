# task: lbf-8x8-2p-2f-coop


def tfcaf(local_q, state):
    features = torch.stack([state[:, 0:3], state[:, 3:6]], dim=1)
    direction = torch.tensor([[0.05], [0.05], [0.3]])
    scores = torch.matmul(features, direction).squeeze(-1)
    weights = F.softplus(scores)
    return torch.bmm(local_q.unsqueeze(1), weights.unsqueeze(2)).squeeze(2)
