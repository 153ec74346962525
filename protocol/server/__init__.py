"""The door: requests in, frames out, admission."""
