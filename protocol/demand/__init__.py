"""What is wanted of one endpoint, what its sources serve of that, and whether its data hangs together."""
