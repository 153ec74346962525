"""Where what libraries and the system raise becomes an error of ours.

What connects, reads and asks stands on ssl, socket, http.client, zlib, python-socks, websocket-client and the resolver.
None says all that it raises, and the peer chooses what they have to read. So within `outside` there is little but calls
of theirs, and all that comes out is a TransportError: told, and tried again, never taken for a bug of ours. Where code
of ours is among it, as in reading an open connection, PEER_MAY_CAUSE is what counts as theirs.
"""

import contextlib
import ssl
import zlib
from collections.abc import Iterable, Iterator

import msgspec
import websocket

from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.outside_text import outside_text

__all__ = ["PEER_MAY_CAUSE", "outside", "words_of"]

# What a peer can bring about by what it sends, or by how much: the end of the connection, and no bug.
PEER_MAY_CAUSE = (
    OSError,
    websocket.WebSocketException,
    zlib.error,
    msgspec.MsgspecError,
    UnicodeError,
    MemoryError,
    RecursionError,
    OverflowError,
)

OUT_OF_TIME = (9, 10)  # what OpenSSL calls a certificate whose time has not come yet, or is over


@contextlib.contextmanager
def outside(what: str, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Within this, whatever is raised becomes a TransportError that begins with `what`, if it is none yet.

    It has no traceback of the library's, whose frames hold what was sent; and none of the `secrets`.
    """
    try:
        yield
    except TransportError:
        raise
    except Exception as exc:  # noqa: BLE001 - see above
        raise TransportError(f"{what}: {words_of(exc, secrets)}") from None


def words_of(exc: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return what `exc` says, for people: one short line, without what may be a token or a key."""
    name = type(exc).__name__
    try:
        text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        if isinstance(exc, ssl.SSLCertVerificationError) and getattr(exc, "verify_code", 0) in OUT_OF_TIME:
            text = f"its {exc.verify_message}: is this machine's clock right?"
        elif isinstance(exc, ssl.SSLCertVerificationError):
            text = (
                f"its certificate is not trusted: {exc.verify_message}; if a proxy looks into TLS here, give its "
                "certificate (ca_file, WEBSOCKET_V6_CA_FILE)"
            )
        elif not isinstance(exc, OSError | WebSocketV6Error):
            text = f"{name}: {text}"
    except Exception:  # noqa: BLE001 - an exception that was never made properly
        text = name
    for secret in secrets:
        text = text.replace(secret, "<cut>")
    return outside_text(text) or name
