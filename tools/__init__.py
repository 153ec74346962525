"""What builds the documentation and its lists; no part of the package."""
