# agents: 3
# state: 12

def tfcaf(q, s):
    q_tot = 0
    for i in range(q.shape[1]):
        q_tot += q[:, i] * torch.sigmoid(s[:, i])
    return q_tot.view(-1, 1)
