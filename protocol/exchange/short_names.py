"""The SIMPLE names inside of an indicator's objects, where one letter means different things in different objects.

Source: Upbit WebSocket reference, "indicator" (the table of inner keys).
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["EVENT_PARAMS", "PARAMS", "VALUE"]

PARAMS: Mapping[str, str] = MappingProxyType(
    {
        "p": "period",
        "t": "type",
        "shp": "short_period",
        "lop": "long_period",
        "m": "multiplier",
        "f": "fast",
        "s": "slow",
        "sgp": "signal_period",
    }
)
EVENT_PARAMS: Mapping[str, str] = MappingProxyType({"th": "threshold", "mul": "multiplier"})
VALUE: Mapping[str, str] = MappingProxyType(
    {
        "vol": "volume",
        "av": "avg_volume",
        "rto": "ratio",
        "mas": "ma_short",
        "mal": "ma_long",
        "bbu": "bb_upper",
        "bbm": "bb_middle",
        "bbl": "bb_lower",
        "macds": "macd_signal",
        "hist": "histogram",
    }
)
