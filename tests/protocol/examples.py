"""One message of each type in both spellings, and an independent reading of any message to hold the events against.

Source: Upbit WebSocket reference, "Data types"; the names of SIMPLE are learned from the pairs.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["EXAMPLES", "FULL_NAMES", "Example", "parse"]


class Example(NamedTuple):
    """One message as the exchange would send it in each format."""

    name: str
    default: str
    simple: str

    @property
    def formats(self) -> dict[str, bytes]:
        """The message by format."""
        return {
            "DEFAULT": self.default.encode(),
            "SIMPLE": self.simple.encode(),
            "JSON_LIST": f"[{self.default}]".encode(),
            "SIMPLE_LIST": f"[{self.simple}]".encode(),
        }


def parse(text: str | bytes) -> Any:
    """Parse JSON with the standard library, every number the decimal of its own text."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _learn(names: dict[str, str], full: dict[str, Any], short: dict[str, Any]) -> None:
    for (name, value), (key, other) in zip(full.items(), short.items(), strict=True):
        assert names.setdefault(key, name) == name
        if isinstance(value, list) and isinstance(other, list):
            _learn(names, value[0], other[0])


def _full_names(example: Example) -> dict[str, str]:
    names: dict[str, str] = {}
    _learn(names, parse(example.default), parse(example.simple))
    return names


_FILE = Path(__file__).with_name("examples.jsonl")
EXAMPLES = [Example(**json.loads(line)) for line in _FILE.read_text().splitlines()]
# By type: the full name of each SIMPLE name, those inside of levels and assets too.
FULL_NAMES = {parse(example.default)["type"]: _full_names(example) for example in EXAMPLES}
