"""The catalogue of the command line: `python -m tools.translations` after a message was changed or made.

It finds every message that is marked in `websocket_v6/cli/`, brings `websocket_v6.po` up to date (what is new has no
translation until somebody writes it there) and compiles it to the `.mo` that the standard library's gettext reads. Both
are in the repository, so that an install needs no compiler; a test holds them together. Needs Babel.
"""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

__all__ = ["FRAMEWORK", "catalogue", "compiled", "found", "main", "po_path"]

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "websocket_v6" / "cli"
DOMAIN = "websocket_v6"
# What typer says by gettext, in its words: it finds these in our catalogue as well.
FRAMEWORK = (
    "(deprecated) ",
    "(dynamic)",
    "Aborted!",
    "Aborted.",
    "Arguments",
    "Commands",
    "Error",
    "Missing command.",
    "No such command {name!r}.",
    "Options",
    "Try [blue]'{command_path} {help_option}'[/] for help.",
    "[default: {}]",
    "[env var: {}]",
    "[required]",
    "default: {default}",
    "env var: {var}",
    "required",
)


def po_path(language: str) -> Path:
    """Return where the translations of a language are written."""
    return CLI / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def found() -> list[str]:
    """Return every message that is marked, in the order in which they stand, and what the libraries say."""
    messages: dict[str, None] = {}
    for _file, _line, message, _comments, _context in extract_from_dir(CLI, method_map=[("**.py", "python")]):
        messages[message if isinstance(message, str) else message[0]] = None
    return [*messages, *(one for one in FRAMEWORK if one not in messages)]


def catalogue(language: str) -> Catalog:
    """Return the translations as they are written."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def updated(language: str) -> Catalog:
    """Return the catalogue with all messages there are, and no others."""
    old = catalogue(language) if po_path(language).exists() else Catalog(locale=language)
    new = Catalog(locale=language, domain=DOMAIN, project=DOMAIN, version="", fuzzy=False)
    new.header_comment = "# What the command line says. `python -m tools.translations` keeps it up to date."
    new.creation_date = new.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # it changes with its messages alone
    for message in found():
        before: Any = old.get(message)
        new.add(message, string=before.string if before is not None else "")
    return new


def compiled(catalog: Catalog) -> bytes:
    """Return what gettext reads."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main(language: str = "ko") -> None:
    """Bring the catalogue up to date."""
    catalog, path = updated(language), po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=0, omit_header=False)
    path.with_suffix(".mo").write_bytes(compiled(catalog))
    missing = [one.id for one in catalog if one.id and not one.string]
    print(f"{len(catalog)} messages, {len(missing)} without a translation")  # noqa: T201 - a program of its own


if __name__ == "__main__":
    main()
