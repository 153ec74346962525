"""Connections to the outside, for WebSocket and REST alike: names, addresses, proxies, TLS, within one deadline."""
