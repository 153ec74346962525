"""Pure protocol code: bytes and times in, values and bytes out. No thread, socket, clock or file."""
