"""Makes a text that came from elsewhere fit to be told: in a log, an error, a terminal, a page.

Elsewhere is the exchange and whatever answers in its place, the clients and the hosts of doors, and the exceptions of
libraries, which repeat what they were sent. Such a text is taken through here where it enters, once:

    outside_text(exc)                 # one line, printable, cut, nothing in it that may be a key or a token
    excerpt(payload)                  # the same of the beginning of a message
    printable(path, 100)              # one line, printable, cut: for what holds no secrets, such as a path

What a user reads as data, a field of an event, is not touched.
"""

import re
import string

from .limits import EXCERPT_CHARACTERS, TEXT_CHARACTERS

__all__ = ["excerpt", "outside_text", "printable", "without_secrets"]

CUT = "<cut>"
_MORE = "..."
_ROOM = 1024  # characters beyond the bound that are looked at: a token takes many, and is shown as a few

# Compiled by `re`, and kept there, when there is something to tell.
# A JSON web token; anything as long as a key, in any of the alphabets that keys are spelled in.
_KEY = r"eyJ[\w.-]*|[A-Za-z0-9_.=+/-]{30,}"
_KEY_CHARACTERS = string.ascii_letters + string.digits + "_.=+/-"
# What stands where a password or a token does, however short it is.
_NAMED = (
    r"""(?i)(?P<before>\b(?:bearer|basic)\s+|\b(?:token|password|access_key|secret_key)["']?\s*[=:]\s*["']?)"""
    r"""(?!<cut>)[^\s"'&,;}]{8,}"""
)
_IN_URL = r"://[^\s@/]*:\S*@"


def outside_text(text: object, most: int = TEXT_CHARACTERS) -> str:
    """Return `text` in one line of at most `most` printable characters, without what may be a key or a token.

    What is no string is shown as `str` shows it.
    """
    window = _beginning(text, most)
    return printable(without_secrets(window), most)


def excerpt(payload: bytes, most: int = EXCERPT_CHARACTERS) -> str:
    """Return the beginning of a message as `outside_text` shows it."""
    return outside_text(payload[: 4 * (most + _ROOM) + 4].decode("utf-8", "replace"), most)


def printable(text: str, most: int = TEXT_CHARACTERS) -> str:
    """Return `text` in one line of at most `most` characters, none of which steers a terminal or turns a line."""
    line = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(text[: most + _ROOM].split()))
    return line if len(line) <= most else line[: max(0, most - len(_MORE))] + _MORE[:most]


def without_secrets(text: str) -> str:
    """Return `text` with everything in it that may be a key, a token or a password replaced by `<cut>`."""
    text = re.sub(_IN_URL, f"://{CUT}@", text)
    text = re.sub(_NAMED, rf"\g<before>{CUT}", text)
    return re.sub(_KEY, CUT, text)


def _beginning(value: object, most: int) -> str:
    """Return as much of the text as may be needed."""
    try:
        text = str(value)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return f"<{type(value).__name__}>"  # an integer of too many digits, an error that cannot show itself
    if len(text) <= most + _ROOM:
        return text
    # A key that the end of the window cuts in two is not known as one by its first half.
    return text[: most + _ROOM].rstrip(_KEY_CHARACTERS) + _MORE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
