import msgspec
import pytest

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.fleet.wants import Machine, MachineWants, Union, decode_machine, decode_wants, encode


def request(*types: dict[str, object]) -> dict[str, bytes]:
    return {"public": encode_request("t", types, "DEFAULT").encode()}


def tickers(*codes: str, **options: object) -> dict[str, object]:
    return {"type": "ticker", "codes": list(codes), **options}


def streams(union: Union) -> set[str]:
    return {stream for want in union.of("public") for stream in want.streams()}


def test_values_are_read_as_they_are_written() -> None:
    wants = MachineWants(3, request(tickers("KRW-BTC")))
    assert decode_wants(encode(wants)) == wants
    machine = Machine("bot", 4711, 3, 1.5, {"public": "7-3"}, {"public": 900})
    assert decode_machine(encode(machine)) == machine


@pytest.mark.parametrize("data", [b"", b"\x93", msgspec.msgpack.encode({"version": "x"}), bytes(17 * 1024 * 1024)])
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_wants, decode_machine):
        with pytest.raises(RemoteProtocolError):
            decode(data)


def test_the_union_is_what_any_machine_wants() -> None:
    union = Union("kr")
    assert union.settle("a", request(tickers("KRW-BTC", "KRW-ETH"))) == {"public"}
    assert union.settle("b", request(tickers("KRW-ETH", "KRW-XRP"))) == {"public"}
    assert streams(union) == {"ticker KRW-BTC", "ticker KRW-ETH", "ticker KRW-XRP"}
    assert union.machines == {"a", "b"}


def test_what_changes_nothing_for_all_is_no_change() -> None:
    union = Union("kr")
    union.settle("a", request(tickers("KRW-BTC")))
    assert union.settle("b", request(tickers("KRW-BTC"))) == set()
    assert union.settle("a", request(tickers("KRW-BTC", is_only_realtime=True))) == set()
    assert union.gone("a") == set()
    assert streams(union) == {"ticker KRW-BTC"}
    assert union.gone("b") == {"public"}
    assert streams(union) == set()
    assert union.machines == frozenset()


def test_who_wants_a_snapshot_alone_wants_all_of_it_as_long_as_it_waits() -> None:
    union = Union("kr")
    union.settle("a", request(tickers("KRW-BTC", is_only_snapshot=True)))
    assert union.of("public") == [Want("ticker", ("KRW-BTC",))]


def test_kinds_are_kept_apart() -> None:
    union = Union("kr")
    union.settle("a", request(tickers("KRW-BTC"), {"type": "orderbook", "codes": ["KRW-BTC.5"]}))
    union.settle("b", request({"type": "orderbook", "codes": ["KRW-BTC.30"]}))
    assert sorted((want.type, want.depth) for want in union.of("public")) == [
        ("orderbook", 5),
        ("orderbook", 30),
        ("ticker", 0),
    ]


def test_what_has_no_codes_is_wanted_whole() -> None:
    union = Union("kr")
    text = encode_request("t", [{"type": "myOrder"}], "DEFAULT").encode()
    assert union.settle("a", {"private": text}) == {"private"}
    assert [want.type for want in union.of("private")] == ["myOrder"]
    assert union.of("private")[0].codes == ()


def test_what_cannot_be_read_is_not_wanted() -> None:
    union = Union("kr")
    assert union.settle("a", {"public": b"nonsense"}) == set()
    assert union.machines == frozenset()
