"""Many machines with one upstream: who leads, what stands in the log, what its readers are owed."""
