"""RFC 6455 and RFC 7692: frames, compression, the handshake's answer."""
