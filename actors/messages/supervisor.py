"""What the supervisor is told."""

from typing import Any, NamedTuple

from .common import Ref

__all__ = ["Failed", "LineServes", "Renew"]


class Failed(NamedTuple):
    """A bug ended the child called `name` (error: live); `estate` is what its successor begins with (live)."""

    name: str
    ref: Ref
    error: BaseException
    estate: Any = None


class Renew(NamedTuple):
    """A connection (live) is to be replaced by a new one, which must serve before this one ends."""

    ref: Ref


class LineServes(NamedTuple):
    """This line has all that is wanted, or never will: one that it is to replace may end."""

    line: int
