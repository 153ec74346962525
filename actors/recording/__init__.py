"""Recordings: who writes what the router delivers into files."""
