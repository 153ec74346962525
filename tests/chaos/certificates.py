"""Certificates that a `FaultProxy` shows: a good one, and one that has expired."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from .faults import Expired
from .proxy import FaultProxy

__all__ = ["secured"]

HOST = "127.0.0.1"


def secured(proxy: FaultProxy, folder: Path) -> Path:
    """Have `proxy` speak TLS, with an expired certificate while its fault says so; return who vouches for it."""
    authority = trustme.CA()
    now = datetime.now(UTC)
    good, expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(good)
    authority.issue_cert(HOST, not_before=now - timedelta(2), not_after=now - timedelta(1)).configure_cert(expired)
    for context in (good, expired):
        context.num_tickets = 0  # each handshake is whole, so that each looks at the certificate

    def choose(sock: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        sock.context = expired if isinstance(proxy.fault, Expired) else good

    good.sni_callback = choose
    proxy.tls = good
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
