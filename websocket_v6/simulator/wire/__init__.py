"""The sockets: handshakes, requests, subscriptions, limits, and the REST calls beside them."""
