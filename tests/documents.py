"""The code blocks of the documents, and how each kind is run.

A block of `python` runs in the tests: those of one page one after the other, as one program. One with a `title=` is a
whole program in a file of its own. A block of `py` is for reading: other people's libraries, which are not here.
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

__all__ = ["DOCS", "Block", "blocks", "pages"]

DOCS = ROOT / "docs"
_FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]+)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block, as it stands."""

    language: str
    title: str
    code: str


def blocks(path: Path, language: str | None = None) -> list[Block]:
    """Return the code blocks of a page, those of one language or all, also those inside of tabs."""
    found = _FENCE.findall(path.read_text(encoding="utf-8"))
    every = [Block(kind, title, textwrap.dedent(code)) for _, kind, title, code in found]
    return [block for block in every if language in (None, block.language)]


def pages() -> list[Path]:
    """Return the pages of the site that have Python to run."""
    return [path for path in sorted(DOCS.rglob("*.md")) if blocks(path, "python")]
