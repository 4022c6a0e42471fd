"""Ranking: the order of accepted candidates on replayed trajectories, with its uncertainty."""
