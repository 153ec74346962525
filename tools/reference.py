"""What the reference page shows beside the docstrings as they stand: the fields of events, and lists as lists.

A griffe extension (`extensions:` in mkdocs.yml). `help()` has both from the objects themselves, which the page's reader
of source cannot see.
"""

import importlib
import re
from typing import Any

from griffe import Class, Extension

__all__ = ["Shown", "as_lists", "field_table"]

# Sections that the docstring parser reads itself.
_OWN = ("Args", "Raises", "Returns", "Yields")
_TITLE = re.compile(r"^(?!(?:{})\b)([A-Z][^:\n]*):$".format("|".join(_OWN)))
_ITEM = re.compile(r"^    ((?:\w+)(?:, \w+)*): (.*)$")


def as_lists(text: str) -> str:
    """Return a docstring whose titled, indented "name: meaning" lines are Markdown lists."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        title, item = _TITLE.match(line), _ITEM.match(line)
        if title:
            inside = True
            lines += [f"**{title[1]}**", ""]
        elif inside and item:
            names = ", ".join(f"`{name}`" for name in item[1].split(", "))
            lines.append(f"- {names}: {item[2]}")
        elif inside and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            inside = inside and not line.strip()
            lines.append(line)
    return "\n".join(lines)


def field_table(kind: type[Any]) -> str:
    """Return the fields of an event's class as a table, empty if it has none."""
    found: dict[str, str] = {}
    for base in kind.__mro__:
        for name, value in vars(base).items():
            meaning = getattr(value, "meaning", "")
            if meaning and name not in found:
                found[name] = f"| `{name}` | {value.kind} | {meaning} | `{value.short}` |\n"
    return "| field | type | meaning | in SIMPLE |\n|---|---|---|---|\n" + "".join(found.values()) if found else ""


class Shown(Extension):
    """Changes docstrings of classes as they are read."""

    def on_class(self, *, cls: Class, **_: Any) -> None:
        if cls.docstring is None or cls.name.startswith("_"):
            return
        cls.docstring.value = as_lists(cls.docstring.value)
        if cls.name.endswith("Event"):
            try:
                kind = getattr(importlib.import_module(cls.module.canonical_path), cls.name)
            except ImportError:  # of an extra that is not here: no event of ours
                return
            cls.docstring.value += "\n\n" + field_table(kind)
