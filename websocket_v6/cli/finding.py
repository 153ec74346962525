"""What `doctor` finds: one thing it looked at, how that stands, and what to do about it."""

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Finding", "Level", "failed", "ok", "skipped", "warning"]


class Level(StrEnum):
    """How one thing stands. Only what FAILED makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"  # it works, and may not tomorrow, or not for all
    FAILED = "failed"
    SKIPPED = "skipped"  # there was nothing to look at, or something before it failed


class Finding(NamedTuple):
    """One line. `remedy` is what to do; empty where there is nothing."""

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
