"""Many machines with one upstream: this machine's place among them, and its ways to and from the log."""
