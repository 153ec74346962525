"""Recordings played through the engine: which file, what of it, and what it says of itself."""
