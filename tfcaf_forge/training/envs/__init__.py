"""Environments in batches: one protocol, adapters to real environments, and the door to them by TaskSpec."""
