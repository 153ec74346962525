"""The mutants of one module: Cosmic Ray's operators, and in which order what they make is tried.

Cosmic Ray's own runner writes each mutant into the working tree and runs one test command for all. Here its operators
alone are used, and a mutant is a text that never becomes a file.
"""

import hashlib
from collections.abc import Iterator
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

__all__ = ["ROOT", "Mutant", "mutants_of"]

ROOT = Path(__file__).resolve().parents[2]
# Whether equal strings and small numbers are one object is the interpreter's business, and what is one object is equal.
SENSELESS = ("_Eq_Is", "_NotEq_Is", "_Eq_IsNot", "_NotEq_IsNot", "_Is_Eq", "_IsNot_NotEq")


class Mutant(NamedTuple):
    """A module with one change. Lines are stripped; `number` counts from 1."""

    module: str  # its path below the root, such as protocol/delivery/stores.py
    number: int
    line: str
    mutated: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.number}\n    - {self.line}\n    + {self.mutated}"


class Change(NamedTuple):
    """What Cosmic Ray calls a mutation: the operator, and the how manyth of its places in the module."""

    operator: str
    occurrence: int


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of `module`: first one for each place in it, then a second one for each, and so on.

    The order is by digests of the lines, so it is random and always the same, and a change of the module moves only
    the mutants of the lines that change.
    """
    source = (ROOT / module).read_text(encoding="utf-8")
    seen = set()
    for changes in zip_longest(*_places(source)):
        for change in filter(None, changes):
            mutant = _mutant(module, source, change)
            if mutant is not None and mutant.source not in seen:
                seen.add(mutant.source)
                yield mutant


def _places(source: str) -> list[list[Change]]:
    """Return the changes of each place, places and changes in the order of their digests."""
    lines, tree = source.splitlines(), get_ast(source)
    places: dict[tuple[int, int], list[Change]] = {}
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or name.endswith(SENSELESS):
            continue
        occurrences = count()
        for node in ast_nodes(tree):
            for start, _ in operator().mutation_positions(node):
                change = Change(name, next(occurrences))
                if not _is_idle(node):
                    places.setdefault(start, []).append(change)

    def digest(place: tuple[int, int], change: str = "") -> str:
        return hashlib.sha256(f"{lines[place[0] - 1]} {place[1]} {change}".encode()).hexdigest()

    return [
        sorted(places[place], key=lambda change: digest(place, change.operator))
        for place in sorted(sorted(places), key=digest)
    ]


def _mutant(module: str, source: str, change: Change) -> Mutant | None:
    try:
        text = mutate_code(source, get_operator(change.operator)(), change.occurrence)
    except AttributeError:  # Cosmic Ray 8.7 knows no exception with a dot in its name
        return None
    for number, (old, new) in enumerate(zip_longest(source.splitlines(), text.splitlines(), fillvalue=""), 1):
        if old != new:
            mutant = Mutant(module, number, _plain(old), _plain(new), text)
            # Whether a zip checks that its columns are of one length is nothing that sound columns can tell.
            return None if mutant.mutated == mutant.line.replace("strict=True", "strict=False") else mutant
    return None


def _plain(line: str) -> str:
    return " ".join(line.split())


def _is_idle(node: Any) -> bool:
    """Whether `node` stands in a variable's annotation, or in the words of an error: how many bytes those show."""
    is_in_words = False
    while node.parent is not None:
        if node.parent.type == "annassign" and node is node.parent.children[1]:
            return True
        is_in_words = is_in_words or node.type == "fstring"
        if is_in_words and node.type == "raise_stmt":
            return True
        node = node.parent
    return False
