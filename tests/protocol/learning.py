"""What events remember across messages: which fields are read of them. Tests set it, or begin without."""

from collections.abc import Iterable, Iterator
from operator import length_hint

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.codec import MEMORY, Codec, Turn
from websocket_v6.protocol.events.fields import Number

__all__ = ["codec_of", "expect", "forget_all"]


def codec_of(events: type[Event], number: Number) -> Codec:
    """Return what decodes events of this class."""
    return events._codecs[number]


def expect(events: type[Event], number: Number, names: Iterable[str]) -> None:
    """Have just these fields decoded when a message is loaded."""
    codec = codec_of(events, number)
    codec._recent = frozenset()
    codec._learn(frozenset(names))


def forget_all(base: type[Event] = Event) -> None:
    """Let no event remember anything."""
    for events in base.__subclasses__():
        for codec in events._codecs.values():
            if not _remembers_nothing(codec):
                _forget(codec)
        forget_all(events)


def _forget(codec: Codec) -> None:
    codec._messages.clear()
    codec._was_read_in_full = False
    codec._recent = frozenset()
    codec._learn(frozenset())
    _AS_MADE[codec] = codec.turns, len(codec._messages)


def _remembers_nothing(codec: Codec) -> bool:
    """Tell whether it is as `_forget` left it: that takes milliseconds for all of them, and most tests use none."""
    turns, decoders = _AS_MADE.get(codec, ({}, 0))
    return (
        codec.turns is turns
        and all(length_hint(turn) == MEMORY for turn in turns.values())
        and len(codec._messages) == decoders
        and codec._recent == frozenset()
        and not codec._was_read_in_full
    )


# The turns and the number of decoders of each codec, when it last forgot.
_AS_MADE: dict[Codec, tuple[dict[bytes, Iterator[Turn]], int]] = {}
