"""The offline coder: a seeded search over programs, with no model behind it."""

from tfcaf_forge.proposals.offline.coder import OfflineCoder

__all__ = ["OfflineCoder"]
