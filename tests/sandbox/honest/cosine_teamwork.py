# agents: 3
# state: 12

def tfcaf(q, s):
    v = s.view(-1, 3, 4)
    team = v.mean(dim=1, keepdim=True)
    sim = F.cosine_similarity(v, team.expand_as(v), dim=-1)
    near = F.pairwise_distance(v[:, 0], v[:, 1])
    w = torch.sigmoid(sim) + 0.01 * torch.exp(-near).unsqueeze(1)
    lerped = torch.lerp(torch.full_like(w, 1 / 3), w, 0.5)
    return (lerped * q).sum(dim=1, keepdim=True)
