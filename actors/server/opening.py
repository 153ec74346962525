"""What a door to the network is opened with: certificate, key and token, which are read before anything is begun."""

import os
import ssl
import stat
from pathlib import Path
from typing import NamedTuple

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.secret import HiddenBytes, Secret
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.protocol.server.network import MOST_TOKEN, Network, address_of, check, read_token_file, rules_of

__all__ = ["Opening", "prepare"]


class Opening(NamedTuple):
    """A door as it is to be opened (live)."""

    address: str  # "127.0.0.1:8080", "[::1]:0"
    rules: Rules
    context: ssl.SSLContext | None  # of TLS


def prepare(network: Network) -> Opening:
    """Check what is asked for, and read the files that it names.

    Raises:
        ConfigError: if something is missing, cannot be read, or is not as it must be.
    """
    check(network)
    token = Secret("") if network.token_file is None else _read_token(network.token_file)
    context = None
    if network.tls_cert is not None and network.tls_key is not None:
        context = _tls(network.tls_cert, network.tls_key)
    return Opening(address_of(network), rules_of(network, token), context)


def _read_token(path: Path) -> Secret:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise ConfigError(f"--token-file {path}: {exc.strerror}") from None
    try:
        # Of the file that was opened, not of one that has taken its place.
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"--token-file {path} is no file")
        if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid())):
            raise ConfigError(f"--token-file {path} can be read by others: chmod 600 {path}")
        data = HiddenBytes(os.read(fd, MOST_TOKEN + 3))
    finally:
        os.close(fd)
    try:
        return read_token_file(data)
    except ConfigError as exc:
        raise ConfigError(f"--token-file {path} {exc}") from None


def _tls(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            path.read_bytes()
        except OSError as exc:
            raise ConfigError(f"{option} {path}: {exc.strerror}") from None
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # nobody is there who could be asked for one
    except (ssl.SSLError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or str(exc)
        raise ConfigError(
            f"--tls-cert {cert} and --tls-key {key} are no certificate and its unencrypted key, in PEM: {reason}"
        ) from None
    return context
