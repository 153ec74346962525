"""The language of the command line: English, or Korean by `--lang ko` or the locale; and what colours mean in it.

The standard library's gettext with the catalogue in `locale/` (tools/translations.py makes it). What the engine itself
says, in errors and in the log, is English everywhere: it can be searched for, and docs/ko/errors.md explains it.
"""

import gettext
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .drawing import Palette

__all__ = ["DOMAIN", "LANGUAGES", "LOCALES", "asked_for", "palette", "speak"]

DOMAIN = "websocket_v6"
LANGUAGES = ("en", "ko")
LOCALES = Path(__file__).parent / "locale"
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts, as gettext has it


def asked_for(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the language that a command line asks for by `--lang`, else the locale's, else English."""
    for at, one in enumerate(arguments):
        name, sign, value = one.partition("=")
        if name == "--lang":
            wanted = value if sign else next(iter(arguments[at + 1 : at + 2]), "")
            return wanted if wanted in LANGUAGES else "en"
    chosen = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    first = re.split("[:_.@-]", chosen)[0].lower()  # of ko_KR.UTF-8, ko-KR, ko:en
    return first if first in LANGUAGES else "en"


def speak(language: str) -> None:
    """Have all that is shown from now on be in `language`, what the libraries of the command line say included.

    Texts that are made at import, such as those of --help, are in the language that was spoken then.
    """
    os.environ["LANGUAGE"] = language  # what gettext asks, at each text
    gettext.bindtextdomain(DOMAIN, str(LOCALES))
    gettext.textdomain(DOMAIN)


def palette() -> Palette:
    """Return what colours mean: in Korea prices rise in red and fall in blue."""
    return Palette("red", "blue") if os.environ.get("LANGUAGE") == "ko" else Palette()
