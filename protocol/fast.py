"""The common case of the hot path in C (`c/`), where it is there: each name is what the module has, or None.

A wheel for every platform has no such module, nor has an installation without a compiler: everything works the same
without, and slower. With WEBSOCKET_V6_PURE=1 in the environment it is left alone. No rule stands in C alone: who calls
a function of it goes on by itself with what that hands back.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from . import _fast

__all__ = [
    "IMPLEMENTATION",
    "Decoded",
    "Levels",
    "Loader",
    "Numbers",
    "Picker",
    "Plain",
    "Player",
    "rows",
    "scan",
    "streams_of",
]

IMPLEMENTATION = "Python"

Columns: TypeAlias = tuple[list[str], list[bytes], list[int], list[int], list[int], list[int]]
rows: "Callable[[bytes, int, Columns, dict[str, str], int, int], int] | None" = None
scan: "Callable[[bytes, int, list[bytes], int, int], int] | None" = None
streams_of: (
    "Callable[[list[bytes], int, dict[bytes, str], dict[bytes, dict[bytes, str]], bytes], list[str] | None] | None"
)
streams_of = None
Decoded: "type[_fast.Decoded] | None" = None
Levels: "type[_fast.Levels[Any]] | None" = None
Loader: "type[_fast.Loader] | None" = None
Numbers: "type[_fast.Numbers] | None" = None
Picker: "type[_fast.Picker] | None" = None
Plain: "type[_fast.Plain] | None" = None
Player: "type[_fast.Player] | None" = None

if os.environ.get("WEBSOCKET_V6_PURE") != "1":
    try:
        from . import _fast
    except ImportError:
        pass
    else:
        IMPLEMENTATION = "C"
        rows, scan, streams_of = _fast.rows, _fast.scan, _fast.streams_of
        Decoded, Levels, Loader, Numbers = _fast.Decoded, _fast.Levels, _fast.Loader, _fast.Numbers
        Picker, Plain, Player = _fast.Picker, _fast.Plain, _fast.Player
