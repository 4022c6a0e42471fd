# agents: 3
# state: 12

def tfcaf(q, s):
    base = torch.outer(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3]))
    diag = torch.diagonal(base)
    w = torch.sigmoid(s[:, :3] @ base) * diag
    pair = s[:, :3].unsqueeze(2) * s[:, 3:6].unsqueeze(1)
    w = w + 0.01 * torch.sigmoid(torch.diagonal(pair, dim1=1, dim2=2))
    return (w * q).sum(dim=1, keepdim=True)
