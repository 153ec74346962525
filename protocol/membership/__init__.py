"""What processes of one user say to each other."""
