"""Numbers in every spelling, to be drawn, and whether a field holds the very one that was drawn."""

from decimal import Decimal
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from websocket_v6.protocol.events.plain import plain

__all__ = ["numbers", "quickly", "same", "spaces"]

SPELLINGS = [
    "0", "-0", "0.0", "-0.0", "0E-8", "0e+5", "1", "-1", "1.16539E8", "7.9276E-4", "5.0E-4", "1e2", "1E+2",
    "158219000.00000000", "95078733694.3792000000000000", "1386929.37231066771348207123", "0.00000001",
    "116606000", "123456789012345678901234567890", "-9007199254740993", "1e400", "1e-400", "9.99e307",
]  # fmt: skip

# A message is a large thing to shrink: it would take minutes.
quickly = settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
numbers = st.sampled_from(SPELLINGS) | st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
spaces = st.sampled_from(["", "", "", " ", "\n\t"])


def same(read: Any, expected: Any) -> bool:
    """Tell whether a field holds exactly this: a decimal with these very digits, spelled out, or an equal value."""
    if isinstance(read, Decimal) and isinstance(expected, Decimal):
        return read.as_tuple() == plain(expected).as_tuple()
    if type(read) is int:
        return isinstance(expected, Decimal) and read == expected
    return type(read) is type(expected) and bool(read == expected)
