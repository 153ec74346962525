"""Takes the power over a terminal from a text that is shown there."""

import re

__all__ = ["without_steering"]

# What steers a terminal and stands in JSON as it is: control characters beyond ASCII, and those that turn a line.
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def without_steering(text: str) -> str:
    """Return `text`, JSON or a line of ours, with what steers a terminal escaped."""
    return _STEERING.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
