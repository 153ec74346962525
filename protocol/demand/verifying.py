"""How many candles may be verified: each takes a REST call when it closes, and only so many can be made.

All candles of one interval close at the same moment, so the calls for them are made within the shorter of that interval
and the time for which anybody waits for one.
"""

from collections.abc import Iterable

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.codes import CANDLE_UNITS
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.limits import REST_CALLS

__all__ = ["check_verified"]


def check_verified(want: Want, others: Iterable[Want], patience: float) -> None:
    """Check that REST can be asked in time about what `want` has verified, beside `others`.

    Raises:
        LocalProtocolError: if it cannot.
    """
    if not _is_verified(want):
        return
    streams = {stream: one.type for one in (want, *others) if _is_verified(one) for stream in one.streams()}
    rate = sum(1 / min(CANDLE_UNITS[type_] / 1000, patience) for type_ in streams.values())
    if rate > REST_CALLS * 1.000001:  # sums of fractions are not exact
        within = min(CANDLE_UNITS[want.type] / 1000, patience)
        text = (
            f"verify=True asks over REST about each candle when it closes: {len(streams)} streams are more than can be "
            f"asked about, {REST_CALLS} calls a second within {within:g} s, so {int(REST_CALLS * within)} codes of "
            f"{want.type} alone; verify fewer codes, or a longer interval"
        )
        raise LocalProtocolError(text)


def _is_verified(want: Want) -> bool:
    return want.closing is not None and want.closing.verify
