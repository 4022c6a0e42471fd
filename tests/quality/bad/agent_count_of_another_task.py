# task: lbf-15x15-4p-3f
# breaks: starved


def QLLMNetwork(agents_q, global_state):
    total = agents_q[:, 0:1] * 0.0
    for i in range(3):
        total = total + agents_q[:, i : i + 1] * (1.0 + global_state[:, 3 * i + 2 : 3 * i + 3])
    return total
