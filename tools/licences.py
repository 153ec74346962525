"""Write docs/licences.md: the licences of all that an install brings along, from the metadata of what is installed.

    python -m tools.licences

It follows the requirements of the package and of the extras that a user installs, down to the last one; those for other
systems or Pythons than this one are left out. What a developer alone installs is not here.
"""

import configparser
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["EXTRAS", "PAGE", "Entry", "direct", "document", "entries", "licence"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
EXTRAS = ("simulator", "cli", "metrics", "logs", "record", "parquet", "fleet", "proxy")
_CLASSIFIER = "License :: OSI Approved :: "
# Names of the same licences in classifiers and free text -> their SPDX identifiers.
_SPDX = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
}
_INTRODUCTION = """\
# Licences of dependencies

What `pip install websocket-v6` and its extras `simulator`, `cli`, `metrics`, `logs`, `record`, `parquet`, `fleet` and
`proxy` bring along, as their own metadata has it. Written by `python -m tools.licences`; this project itself is under
the MIT licence.

| package | licence | needed by |
|---|---|---|
"""


class Entry(NamedTuple):
    """One package."""

    name: str
    licence: str
    needed_by: tuple[str, ...]  # "core", or extras


def licence(found: Distribution) -> str:
    """Return the licence of an installed package, as an SPDX expression where its metadata allows it."""
    metadata = found.metadata.json
    expression = metadata.get("license_expression")
    if expression:
        return str(expression)
    names = [one.removeprefix(_CLASSIFIER) for one in metadata.get("classifier", ()) if one.startswith(_CLASSIFIER)]
    free = str(metadata.get("license", "")).strip()
    if not names and free and "\n" not in free:  # some put the whole text there
        names = [free]
    return " OR ".join(_SPDX.get(name, name) for name in names) or "unknown"


def entries() -> list[Entry]:
    """Return all packages, in the order of their names.

    Raises:
        PackageNotFoundError: if one of them is not installed.
    """
    needed: dict[str, set[str]] = {}
    for label in ("core", *EXTRAS):
        for name in _closure(_requirements(label)):
            needed.setdefault(name, set()).add(label)
    order = ("core", *EXTRAS)
    return [
        Entry(name, licence(distribution(name)), ("core",) if "core" in by else tuple(sorted(by, key=order.index)))
        for name, by in sorted(needed.items())
    ]


def document() -> str:
    """Return the page."""
    return _INTRODUCTION + "".join(
        f"| {one.name} | {one.licence} | {', '.join(one.needed_by)} |\n" for one in entries()
    )


def direct(label: str) -> set[str]:
    """Return the names of what setup.cfg itself requires, for the core or an extra."""
    return {canonicalize_name(requirement.name) for requirement in _requirements(label)}


def _requirements(label: str) -> list[Requirement]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    text = config["options"]["install_requires"] if label == "core" else config["options.extras_require"][label]
    return [Requirement(line) for line in text.splitlines() if line.strip()]


def _closure(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of what these need, themselves included."""
    names: set[str] = set()
    waiting = [(requirement, "") for requirement in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        names.add(name)
        for text in distribution(name).requires or ():
            waiting += [(Requirement(re.sub(r"\s+", " ", text)), one) for one in ("", *extras)]
    return names


if __name__ == "__main__":
    try:
        PAGE.write_text(document(), encoding="utf-8")
    except PackageNotFoundError as exc:
        sys.exit(f"{exc.name} is not installed: pip install -e '.[{','.join(EXTRAS)}]'")
