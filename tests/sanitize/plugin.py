"""Has the engine import the module that was built with sanitizers; pytest loads this before anything of ours."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

__all__ = ["BUILT", "Finder"]

NAME = "websocket_v6.protocol._fast"
BUILT = Path(__file__).resolve().parent.parent.parent / "build" / "sanitize" / "_fast.so"


class Finder(MetaPathFinder):
    """Finds that one module, there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(fullname, BUILT) if fullname == NAME else None


def pytest_configure() -> None:
    """Check that it is the one that was loaded, and no other one before."""
    from websocket_v6.protocol import _fast

    assert _fast.__file__ == str(BUILT)


if BUILT.exists():
    sys.meta_path.insert(0, Finder())
