"""Recordings: a file format for what the router delivers, and how it is read back. See docs/recording.md."""
