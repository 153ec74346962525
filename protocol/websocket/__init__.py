"""RFC 6455 and RFC 7692: frames, compression, the opening handshake, for a client and for a server."""
