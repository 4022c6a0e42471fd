"""The graph: the only thing that leaves the sandbox. Operations, checks, codec, text, execution."""
