"""Replay: whole episodes in memory, on disk without pickle, and in the trainer's buffer."""
