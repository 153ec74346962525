"""Who wants what, and who is told when it cannot be."""
