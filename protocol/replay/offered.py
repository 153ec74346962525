"""What of a want a recording can play: whoever subscribes in a replay asks as if it were live."""

from collections.abc import Container, Iterable

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import Want

__all__ = ["as_recorded"]

NO_REST = (
    "history=... and verify=True ask over REST, and in a replay nobody is asked: leave them out; "
    "candles that were fetched for a gap when it was recorded come as they came"
)


def as_recorded(want: Want, streams: Iterable[Stream], quotes: Container[str] = ()) -> Want:
    """Return `want` as a recording of `streams` serves it, in which there are lists of the markets of `quotes`.

    A pattern of another quote currency stands for what was recorded of its type, from beginning to end. Own orders and
    balances come as they came: nobody is asked what they are now.

    Raises:
        LocalProtocolError: for what is asked over REST, and for a pattern of which nothing was recorded.
    """
    if want.closing is not None and (want.closing.history or want.closing.verify):
        raise LocalProtocolError(NO_REST)
    unlisted = [quote for quote in want.quotes if quote not in quotes]
    if not unlisted:
        return want
    recorded = (code for type_, code in map(split, streams) if type_ == want.type)
    codes = dict.fromkeys((*want.codes, *sorted(code for code in recorded if code.partition("-")[0] in unlisted)))
    listed = tuple(quote for quote in want.quotes if quote not in unlisted)
    if not codes and not listed:
        patterns = ", ".join(f"{quote}-*" for quote in unlisted)
        raise LocalProtocolError(f"nothing was recorded of {want.type} {patterns}")
    return msgspec.structs.replace(want, codes=tuple(codes), quotes=listed)
