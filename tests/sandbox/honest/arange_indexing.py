# agents: 3
# state: 12

def tfcaf(q, s):
    B = q.shape[0]
    leader = s[:, :3].argmax(dim=1)
    rows = torch.arange(B, device=q.device)
    q_leader = q[rows, leader]
    w = torch.full((B, 3), 1.0 / 3, dtype=torch.float32, device=q.device)
    return (w * q).sum(1, keepdim=True) + 0.2 * q_leader.unsqueeze(1)
