"""permessage-deflate as it is offered, granted and mixed with plain frames."""

from collections.abc import Callable
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from websocket_v6.simulator import Answers

Make = Callable[..., Any]
BOOK = {"type": "orderbook", "codes": ["KRW-BTC"]}


def offer(**params: Any) -> dict[str, Any]:
    return {"extensions": [ClientPerMessageDeflateFactory(**{"client_max_window_bits": True, **params})]}


@pytest.mark.parametrize(
    ("answers", "header"),
    [
        ({}, "permessage-deflate"),
        ({"server_no_context_takeover": True}, "permessage-deflate; server_no_context_takeover"),
        ({"client_no_context_takeover": True}, "permessage-deflate; client_no_context_takeover"),
        ({"server_max_window_bits": 9}, "permessage-deflate; server_max_window_bits=9"),
        ({"client_max_window_bits": 10}, "permessage-deflate; client_max_window_bits=10"),
    ],
)
def test_the_answer_has_the_parameters_of_the_switches(
    simulator: Make, client: Make, answers: dict[str, Any], header: str
) -> None:
    sim = simulator(answers=Answers(**answers))
    reader = client(sim.url, **offer())
    assert reader.connection.response.headers["Sec-WebSocket-Extensions"] == header
    reader.ask(BOOK)
    for _ in range(5):
        assert reader.text() == sim.sent()[-1].text
        sim.trade("KRW-BTC")
    assert sim.connections()[0].compressed


def test_how_hard_it_is_tried(simulator: Make, client: Make) -> None:
    sizes = []
    for level in (0, 1, 9):
        sim = simulator(frozen=True, answers=Answers(compress_level=level))
        reader = client(sim.url, **offer())
        frames = _watched(reader)
        reader.ask(BOOK)
        reader.read()
        sizes.append(frames[0])
    assert sizes[0] > sizes[1] > sizes[2]


def _watched(reader: Any) -> list[int]:
    """Return a list of the sizes of frames as they come."""
    sizes: list[int] = []
    extension = reader.connection.protocol.extensions[0]
    decode = extension.decode

    def watch(frame: Any, **options: Any) -> Any:
        sizes.append(len(frame.data))
        return decode(frame, **options)

    extension.decode = watch
    return sizes


def test_what_is_not_offered_or_switched_off_is_not_granted(simulator: Make, client: Make) -> None:
    for answers, options in ((Answers(), {}), (Answers(compression=False), offer())):
        sim = simulator(answers=answers)
        reader = client(sim.url, **options)
        assert "Sec-WebSocket-Extensions" not in reader.connection.response.headers
        reader.ask(BOOK)
        reader.read()
        assert not sim.connections()[0].compressed


def test_small_messages_may_go_plain_among_compressed_ones(simulator: Make, client: Make) -> None:
    sim = simulator(answers=Answers(compress_from=1000))
    reader = client(sim.url, **offer())
    seen: list[bool] = []
    protocol = reader.connection.protocol
    decode = protocol.extensions[0].decode

    def watch(frame: Any, **options: Any) -> Any:
        seen.append(frame.rsv1)
        return decode(frame, **options)

    protocol.extensions[0].decode = watch
    reader.ask(BOOK, {"type": "trade", "codes": ["KRW-BTC"]})
    for _ in range(4):
        reader.read_many(2)
        sim.trade("KRW-BTC")
    assert set(seen) == {True, False}
    assert [sent.text for sent in sim.sent()][:1][0].startswith('{"type":"orderbook"')
