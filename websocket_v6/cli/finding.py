"""What `doctor` finds: one thing it looked at, how that stands, and what to do about it."""

from enum import StrEnum
from gettext import gettext as _
from typing import NamedTuple

__all__ = ["Finding", "Level", "failed", "level_text", "name_text", "ok", "skipped", "warning"]


class Level(StrEnum):
    """How one thing stands. Only what FAILED makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"  # it works, and may not tomorrow, or not for all
    FAILED = "failed"
    SKIPPED = "skipped"  # there was nothing to look at, or something before it failed


def level_text(level: Level) -> str:
    """Return what a level is called where a person reads it."""
    return {
        Level.OK: _("ok"),
        Level.WARNING: _("warning"),
        Level.FAILED: _("failed"),
        Level.SKIPPED: _("skipped"),
    }[level]


def name_text(name: str) -> str:
    """Return what one of the things looked at is called there; in JSON names are the same in all languages."""
    return {
        "versions": _("versions"),
        "configuration": _("configuration"),
        "runtime folder": _("runtime folder"),
        "host": _("host"),
        "door": _("door"),
        "proxy": _("proxy"),
        "names": _("names"),
        "tls": _("tls"),
        "delay": _("delay"),
        "data": _("data"),
        "rest": _("rest"),
        "clock": _("clock"),
        "limits": _("limits"),
        "keys": _("keys"),
        "private": _("private"),
        "websocket": _("websocket"),
        "permission orders": _("permission orders"),
        "permission assets": _("permission assets"),
    }.get(name, name)


class Finding(NamedTuple):
    """One line. `remedy` is what to do; empty where there is nothing. `name` is stable, for scripts."""

    name: str
    level: Level
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Finding:
    """Return that it is well."""
    return Finding(name, Level.OK, text)


def warning(name: str, text: str, remedy: str) -> Finding:
    """Return that it works, with what may become a problem."""
    return Finding(name, Level.WARNING, text, remedy)


def failed(name: str, text: str, remedy: str) -> Finding:
    """Return that it does not work."""
    return Finding(name, Level.FAILED, text, remedy)


def skipped(name: str, why: str) -> Finding:
    """Return that it was not looked at."""
    return Finding(name, Level.SKIPPED, why)
