# agents: 3
# state: 12

def tfcaf(q, s):
    x = s.view(-1, 4, 3).permute(0, 2, 1).contiguous()
    y = x.flatten(start_dim=1)
    z = y.reshape(s.size(0), 3, 4).transpose(1, 2).sum(1)
    w = torch.flip(z, dims=[1]).sigmoid()
    w = torch.roll(w, shifts=1, dims=1)
    return (w * q).sum(dim=1, keepdim=True)
