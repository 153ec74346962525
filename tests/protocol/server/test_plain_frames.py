"""protocol/server/plain_frames.py: messages are converted, framed and compressed once for all that take them alike."""

import json
import zlib
from collections.abc import Mapping

import pytest

from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.server.plain_frames import Form, PlainFrames, Taking, comes_as_snapshot
from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import FrameDecoder

NONE: Mapping[Stream, Taking] = {}


def ticker(kind: str = "REALTIME", code: str = "KRW-BTC", pad: int = 0) -> Event:
    payload = {"ty": "ticker", "cd": code, "tp": 1.50, "pad": "x" * pad, "st": kind}
    return make_event(f"ticker {code}", json.dumps(payload, separators=(",", ":")).encode(), 1, 0)


def messages(frames: bytes, *, inflates: bool = False) -> list[bytes]:
    return FrameDecoder(deflate=Inflater(no_context_takeover=True) if inflates else None).receive(frames)


def test_each_message_is_a_frame_in_its_order() -> None:
    found = messages(PlainFrames().of([ticker(), ticker(code="KRW-ETH")], Form(), NONE))
    assert [json.loads(one)["code"] for one in found] == ["KRW-BTC", "KRW-ETH"]
    assert b'"trade_price":1.5' in found[0]


def test_who_takes_the_same_in_the_same_form_gets_the_same_bytes() -> None:
    frames, events = PlainFrames(), [ticker(), ticker()]
    one, other = frames.of(events, Form("SIMPLE"), NONE), frames.of(list(events), Form("SIMPLE"), NONE)
    assert one is other
    assert frames.of(events, Form("DEFAULT"), NONE) != one
    assert frames.of(events[:1], Form("SIMPLE"), NONE) + frames.of(events[1:], Form("SIMPLE"), NONE) == one


@pytest.mark.parametrize("bits", [9, 15])
def test_long_messages_are_compressed_each_by_itself(bits: int) -> None:
    events = [ticker(pad=500), ticker(), ticker(pad=500)]
    frames = PlainFrames().of(events, Form(window_bits=bits), NONE)
    plain = PlainFrames().of(events, Form(), NONE)
    assert len(frames) < len(plain) / 2
    assert messages(frames, inflates=True) == messages(plain)
    first_length = frames[1]
    payload = frames[2 : 2 + first_length]
    assert frames[0] & 0x40
    assert zlib.decompressobj(-bits).decompress(payload + b"\0\0\xff\xff") == messages(plain)[0]


def test_a_client_s_way_of_taking_a_stream_changes_nothing_for_others() -> None:
    frames, event = PlainFrames(), ticker("SNAPSHOT")
    takings = {"ticker KRW-BTC": Taking(snapshots=False)}
    assert messages(frames.of([event], Form(), takings)) == []
    assert len(messages(frames.of([event], Form(), NONE))) == 1


def test_books_are_cut() -> None:
    units = [{"ap": 2, "bp": 1, "as": 1, "bs": 1}] * 30
    payload = json.dumps({"ty": "orderbook", "cd": "KRW-BTC", "obu": units}, separators=(",", ":")).encode()
    event, frames = make_event("orderbook KRW-BTC", payload, 1, 0), PlainFrames()
    for depth in (1, 5, 15):
        (one,) = messages(frames.of([event], Form(), {"orderbook KRW-BTC": Taking(depth)}))
        assert len(json.loads(one)["orderbook_units"]) == depth
    (whole,) = messages(frames.of([event], Form(), NONE))
    assert len(json.loads(whole)["orderbook_units"]) == 30


def test_announcements_lose_their_text_also_by_a_wildcard() -> None:
    event = make_event("announcement event", b'{"ty":"announcement","ct":"event","bd":"text","id":1}', 1, 0)
    (one,) = messages(PlainFrames().of([event], Form("SIMPLE"), {"announcement *": Taking(body=False)}))
    assert b"text" not in one


def test_last_values_and_what_runs_on_say_what_they_are() -> None:
    frames = PlainFrames()
    last, runs_on = ticker().as_snapshot(), ticker("SNAPSHOT").as_realtime()
    assert [comes_as_snapshot(one) for one in (last, runs_on, ticker("SNAPSHOT"), ticker())] == [
        True,
        False,
        True,
        False,
    ]
    found = messages(frames.of([last, runs_on], Form("SIMPLE_LIST"), NONE))
    assert [json.loads(one)[0]["st"] for one in found] == ["SNAPSHOT", "REALTIME"]
    only_realtime = {"ticker KRW-BTC": Taking(snapshots=False)}
    assert len(messages(frames.of([last, runs_on], Form(), only_realtime))) == 1
