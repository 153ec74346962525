"""What a recording asks the engine for, so that what a component was delivered can be delivered again."""

from collections.abc import Iterable, Iterator

import msgspec

from websocket_v6.protocol.exchange.streams import Stream, stream_of
from websocket_v6.protocol.exchange.wants import Closing, Want

__all__ = ["named_streams", "recorded_wants"]

OF_ACCOUNT = ("myOrder", "myAsset")


def recorded_wants(wants: Iterable[Want]) -> Iterator[Want]:
    """Yield what is to be wanted in place of `wants`.

    Candles that are wanted closed come as they come, too: a replay closes them by its own time. What was fetched of
    them comes by the other want. Of the account each data type is wanted once, for nothing is to come twice: with
    `reconcile` if anybody has that, and of all markets if anybody has all.
    """
    account: dict[str, Want] = {}
    for want in wants:
        if want.closing is not None:
            yield msgspec.structs.replace(want, closing=None)
            yield msgspec.structs.replace(want, closing=Closing())
        elif want.type in OF_ACCOUNT:
            known = account.get(want.type)
            account[want.type] = want if known is None else _both(known, want)
        else:
            yield want
    yield from account.values()


def _both(one: Want, other: Want) -> Want:
    codes = dict.fromkeys((*one.codes, *other.codes)) if one.codes and other.codes else ()
    return msgspec.structs.replace(one, codes=tuple(codes), reconcile=one.reconcile or other.reconcile)


def named_streams(want: Want) -> Iterator[Stream]:
    """Yield the streams of a want; of a pattern also one that stands for all, such as `candle.1m KRW-*`."""
    yield from want.streams()
    for quote in want.quotes:
        yield stream_of(want.type, f"{quote}-*")
