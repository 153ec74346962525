"""What puts an exchange together, runs it, and lets its user move it."""
