"""Kernels in other people's trainers. One module a host, which imports its host lazily; `host` is what they share."""
