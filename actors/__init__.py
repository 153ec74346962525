"""Actors: each owns its state and exchanges messages with the others. They do; `protocol/` decides."""
