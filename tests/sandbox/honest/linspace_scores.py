# agents: 4
# state: 16

def tfcaf(q, s):
    ranks = torch.linspace(0.1, 1.0, steps=4)
    weights = torch.ones(4) * ranks
    prior = torch.zeros(q.shape[0], 4) + weights
    prior = prior.expand(q.size(0), -1)
    w = prior * torch.exp(-F.relu(s[:, :4]))
    return (w * q).sum(dim=1, keepdim=True)
