# task: lbf-8x8-2p-2f-coop

import torch
import torch.nn.functional as F


def QLLMNetwork(agents_q: torch.Tensor, global_state: torch.Tensor) -> torch.Tensor:
    """Agents near the first food get more credit."""
    scores = []
    for i in range(2):
        dx = torch.abs(global_state[:, 3 * i] - global_state[:, 6])
        dy = torch.abs(global_state[:, 3 * i + 1] - global_state[:, 7])
        scores.append(-(dx + dy) / 4.0)
    weights = F.softmax(torch.stack(scores, dim=1), dim=1)
    return (agents_q * weights).sum(dim=1, keepdim=True)
