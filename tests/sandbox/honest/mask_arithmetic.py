# agents: 3
# state: 12

def tfcaf(q, s):
    near = s[:, :3].abs() < 1.0
    far = ~near
    loaded = s[:, 3:6] > 0
    count = near.sum(dim=1, keepdim=True)
    both = near & loaded | far & ~loaded
    w = both.float() * 0.5 + near * 0.25 + (count >= 2).float() * 0.25 + 0.1
    w = w * (1 - 0.1 * far.float())
    return (w * q).sum(dim=1, keepdim=True)
