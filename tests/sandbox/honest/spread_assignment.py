# agents: 3
# state: 18

def tfcaf(local_q, state):
    n = 3
    pos = state[:, 0:6].view(-1, n, 2)
    vel = state[:, 6:12].view(-1, n, 2)
    marks = state[:, 12:18].view(-1, n, 2)
    d = torch.sqrt(((pos[:, :, None, :] - marks[:, None, :, :]) ** 2).sum(-1) + 1e-9)
    nearest_mark = d.min(dim=2)[0]
    nearest_agent = d.amin(dim=1)
    soft = torch.softmax(-d * 2.0, dim=1)
    responsibility = soft.sum(dim=2) / n
    speed = vel.pow(2).sum(-1).sqrt()
    w = responsibility + 0.1 / (1.0 + speed)
    w = w / w.sum(1, keepdim=True)
    cover = nearest_agent.sum(1, keepdim=True)
    return (w * local_q).sum(1, keepdim=True) - 0.05 * cover - 0.01 * nearest_mark.mean(1, keepdim=True)
