"""Frozen records: what the stages hand to each other. Plain data; knows neither torch nor the disk."""
