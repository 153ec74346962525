"""What events remember across messages: which fields are read of them. Tests set it, or begin without."""

from collections.abc import Iterable

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.codec import Codec
from websocket_v6.protocol.events.fields import Number

__all__ = ["codec_of", "expect", "forget_all"]


def codec_of(events: type[Event], number: Number) -> Codec:
    """Return what decodes events of this class."""
    return events._codecs[number]


def expect(events: type[Event], number: Number, names: Iterable[str]) -> None:
    """Have just these fields decoded when a message is loaded."""
    codec = codec_of(events, number)
    codec._recent = codec._least
    codec._learn(codec._least.union(names))


def forget_all(base: type[Event] = Event) -> None:
    """Let no event remember anything."""
    for events in base.__subclasses__():
        for codec in events._codecs.values():
            codec._decoders.clear()
            codec._was_read_in_full = False
            codec._recent = codec._least
            codec._learn(codec._least)
        forget_all(events)
