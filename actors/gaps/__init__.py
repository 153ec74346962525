"""Missed trades, fetched over REST."""
