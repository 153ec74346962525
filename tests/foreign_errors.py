"""The exceptions that libraries and the system may raise: found in their modules, and made as well as may be."""

import builtins
import contextlib
import http.client
import http.cookies
import importlib
import json
import pkgutil
import socket
import ssl
import zlib
from types import ModuleType
from typing import Any

import msgspec
import websocket

__all__ = ["FOREIGN", "made"]

_PACKAGES = ("websocket", "ssl", "socket", "http", "zlib", "gzip", "json", "msgspec", "idna", "email", "python_socks")
# What a program does to itself; and a warning is none of a library's failures.
_NOT_MEANT = (KeyboardInterrupt, SystemExit, GeneratorExit, Warning)


_ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    ("words",),
    (5, "words"),
    (),
    ("words", b"", 0, 1, "words"),
    ("words", "doc", 0),
    ("words", [ValueError()]),
)


def _modules(name: str) -> list[ModuleType]:
    try:
        package = importlib.import_module(name)
    except ImportError:  # an extra that is not there
        return []
    found = [package]
    for info in pkgutil.walk_packages(getattr(package, "__path__", []), f"{name}."):
        if ".tests" in info.name or "__main__" in info.name:
            continue
        try:
            found.append(importlib.import_module(info.name))
        except ImportError:  # needs what is not installed
            continue
    return found


def _classes() -> list[type[Exception]]:
    modules = [builtins, *(module for name in _PACKAGES for module in _modules(name))]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, _NOT_MEANT)
    }
    return sorted(found, key=lambda one: (one.__module__, one.__qualname__))


def made(kind: type[Exception]) -> Exception:
    """Return one of them, with words of its own if it takes any."""
    for arguments in (
        ("words",),
        (5, "words"),
        (),
        ("words", b"", 0, 1, "words"),
        ("words", "doc", 0),
        ("words", [ValueError()]),
    ):
        with contextlib.suppress(Exception):  # it takes others
            return kind(*arguments)
    return kind.__new__(kind)


FOREIGN = _classes()

# That those are among them without which the walk would be for nothing.
assert {
    websocket.WebSocketBadStatusException,
    ssl.SSLCertVerificationError,
    socket.gaierror,
    http.client.IncompleteRead,
    http.cookies.CookieError,
    zlib.error,
    json.JSONDecodeError,
    msgspec.ValidationError,
    RecursionError,
    MemoryError,
    OverflowError,
    UnicodeDecodeError,
} <= set(FOREIGN)
