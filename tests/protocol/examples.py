"""One message of each type in both spellings, and an independent reading of any message to hold the events against.

Source: Upbit WebSocket reference, "Data types"; the names of SIMPLE are learned from the pairs.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["EXAMPLES", "FORMATS", "FULL_NAMES", "Example", "each_example", "example_of", "fields_of", "parse"]

FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")


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


def example_of(name: str) -> Example:
    """Return the example of this name."""
    return next(example for example in EXAMPLES if example.name == name)


def each_example(*types: str) -> pytest.MarkDecorator:
    """Let a test run with `example` as each example of these types, or each there is."""
    examples = [example for example in EXAMPLES if not types or example.name.partition(" ")[0] in types]
    return pytest.mark.parametrize("example", examples, ids=[example.name for example in examples])


def fields_of(example: Example) -> dict[str, Any]:
    """Return what `asdict` must show of an example, but for what its event knows from elsewhere."""
    fields = parse(example.default).items()
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields}
