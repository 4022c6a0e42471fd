"""The program inside the sandbox. It imports nothing of `tfcaf_forge`.

One warm process loads torch once and forks a child for each candidate. What the child says is a claim, never
evidence: the host checks all of it again.
"""
