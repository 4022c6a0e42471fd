"""Host side of the sandbox: start it, hand it a proposal, and treat every byte that comes back as hostile."""
