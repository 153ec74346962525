"""TLS on a socket that has just come, and is closed in any case when that fails."""

import errno
import os
import socket
import ssl

__all__ = ["secured"]


class _Accepted(ssl.SSLSocket):
    """A socket of a client, which closes itself when it has no peer any more.

    `SSLContext.wrap_socket` takes a socket over and asks for its peer. One that was reset meanwhile it may leave to the
    collector, and nobody else has a handle on it.
    """

    def getpeername(self) -> object:
        """Return the peer's address, as a socket does."""
        try:
            return super().getpeername()
        except OSError:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None


def secured(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the server's end of TLS over a socket, which is taken over; the handshake is still to be done.

    No tickets to resume a session are sent, which connections that stay have no use for: they come right behind the
    handshake, and a client that reads in one thread while another writes may lose its request over them. (Python's
    SSL objects had no lock before 3.13; `websockets.sync` lost 3 of 200.)

    Raises:
        OSError: if the client has gone. The socket is closed then.
    """
    context.sslsocket_class = _Accepted
    context.num_tickets = 0
    try:
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    except (OSError, ValueError):
        sock.close()
        raise
