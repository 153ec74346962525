"""bench/bandwidth.py and bench/inflate.py: that what they count is what was sent."""

import zlib

import pytest

from bench.bandwidth import ALONE, make_up, total
from bench.inflate import measure


def test_every_connection_gets_the_same_messages_in_fewer_bytes() -> None:
    flows = make_up(3)
    by_way = {(flow.kind, flow.format, flow.deflated): flow for flow in flows}
    assert len(by_way) == len(flows) == 12
    for kind in ("ticker", "trade", "orderbook"):
        plain, deflated = by_way[kind, "DEFAULT", False], by_way[kind, "SIMPLE", True]
        assert plain.messages == deflated.messages > 0
        assert 0 < deflated.wire_bytes < by_way[kind, "SIMPLE", False].wire_bytes < plain.wire_bytes
        assert plain.bytes_alone == plain.wire_bytes + ALONE * plain.messages
    everything = total(flows)[4:]
    assert [flow.wire_bytes for flow in everything if flow.format == "DEFAULT" and not flow.deflated] == [
        sum(flow.wire_bytes for flow in flows if flow.format == "DEFAULT" and not flow.deflated)
    ]


class Forgetful:
    """An inflater that loses what it was given; in place of a module."""

    @classmethod
    def decompressobj(cls, wbits: int) -> "Forgetful":
        return cls()

    def decompress(self, payload: bytes, max_length: int) -> bytes:
        return b""


def test_an_inflater_that_gets_it_wrong_has_no_result() -> None:
    assert len(measure("trade", {"zlib": zlib}, 2)["zlib"]) == 2
    with pytest.raises(RuntimeError, match="wrong inflates trade to something else"):
        measure("trade", {"zlib": zlib, "wrong": Forgetful}, 1)
