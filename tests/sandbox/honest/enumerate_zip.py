# agents: 3
# state: 12

def tfcaf(q, s):
    names = [0, 4, 8]
    gains = [1.0, 0.5, 0.25]
    total = torch.zeros(q.shape[0], 1)
    for i, (start, gain) in enumerate(zip(names, gains)):
        block = s[:, start:start + 4]
        total = total + gain * torch.sigmoid(block.mean(dim=1, keepdim=True)) * q[:, i:i + 1]
    return total
