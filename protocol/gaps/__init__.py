"""Trades that a gap swallowed, page by page, and the pace of REST calls."""
