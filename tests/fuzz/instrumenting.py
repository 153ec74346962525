"""What a harness watches: the rooms that it fuzzes, and nothing else of ours.

atheris takes a whole top-level package, and leaves out single modules that it is told of. To instrument all of ours
takes ten seconds, and slows down what nobody looks at.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

__all__ = ["instrumented"]

PACKAGE = Path(__file__).resolve().parent.parent.parent / "websocket_v6"
FOLDERS = ("", "actors", "protocol")  # of which two are links


def instrumented(*rooms: str) -> AbstractContextManager[Any]:
    """Have what is imported within instrumented, if it stands in one of these rooms of `protocol`."""
    watched = tuple(f"websocket_v6.protocol.{room}" for room in rooms)
    others = {name for name in _modules() if not any(name == one or name.startswith(f"{one}.") for one in watched)}
    return cast("AbstractContextManager[Any]", atheris.instrument_imports(include=["websocket_v6"], exclude=others))


def _modules() -> set[str]:
    found = {"websocket_v6"}
    for folder in FOLDERS:
        for path in (PACKAGE / folder).resolve().rglob("*.py"):
            parts = path.relative_to((PACKAGE / folder).resolve()).with_suffix("").parts
            found.add(".".join(("websocket_v6", folder, *parts)).replace("..", ".").removesuffix(".__init__"))
    return found
