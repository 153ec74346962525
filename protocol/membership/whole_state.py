"""What a host tells who looks at it: its own state, and what its members said of their components."""

from collections.abc import Mapping

import msgspec

from .words import Components

__all__ = ["whole_state"]


def whole_state(state: bytes, guests: Mapping[int, Components]) -> bytes:
    """Return one JSON object: `state`, JSON itself, and `guests`, rows of components by process."""
    document = {
        "state": msgspec.Raw(state),
        "guests": [
            {"pid": pid, "components": said.rows, "left_out": said.left_out} for pid, said in sorted(guests.items())
        ],
    }
    return msgspec.json.encode(document)
