"""What the router brings for guests becomes frames, that are the same object for all who get the same."""

from typing import Any

import pytest

from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.server import guest_mouth as subject
from websocket_v6.actors.server.guest_mouth import GuestMouth
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.errors import StreamError
from websocket_v6.protocol.events import Event, make_event

BITCOIN = "ticker KRW-BTC"


class Noted:
    """Stands for an outlet."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, bool]] = []
        self.is_over = False
        self.delivered = 0

    def put(self, frame: bytes, *, may_send: bool = True) -> None:
        self.got.append((frame, may_send))


class Bench:
    """A mouth with clients, whose clock stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clients: int = 2, *, backfills: bool = True) -> None:
        self.now = 100.0
        monkeypatch.setattr(subject, "clock", lambda: self.now)
        self.refused: list[tuple[int, int]] = []
        self.mouth = GuestMouth(
            backfills=backfills, stale_after=5.0, refused=lambda client, lease: self.refused.append((client, lease))
        )
        self.outlets = [Noted() for _ in range(clients)]
        self.mouth.outlets.update(enumerate(self.outlets))  # type: ignore[arg-type]
        self.ways = [Way(number, self.mouth) for number in range(clients)]

    def frames(self, client: int) -> list[bytes]:
        return [frame for frame, _ in self.outlets[client].got]


def event(number: int) -> Event:
    return make_event(BITCOIN, b'{"tp":%d}' % number, 1, number)


def test_who_gets_the_same_gets_the_same_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, 3)
    one, two = event(1), event(2_000_000)
    bench.mouth.deliver([(bench.ways[0], [one, two]), (bench.ways[1], [one, two]), (bench.ways[2], [one])])
    first, second, third = (bench.frames(client) for client in range(3))
    assert len(first) == len(second) == len(third) == 1
    assert first[0] is second[0]
    assert first[0].startswith(third[0])


def test_who_is_gone_gets_nothing_and_the_others_all(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, 3)
    del bench.mouth.outlets[0]
    bench.outlets[1].is_over = True
    bench.mouth.deliver([(way, [event(1)]) for way in bench.ways])
    bench.mouth.convey(bench.ways[0], ConnectionChanged("public", "open", 1, 5))
    assert [len(one.got) for one in bench.outlets] == [0, 0, 1]
    assert [one.delivered for one in bench.outlets] == [0, 0, 1]


@pytest.mark.parametrize(
    ("later", "in_doubt", "may"), [(0.0, False, True), (5.0, False, True), (5.1, False, False), (0.0, True, False)]
)
def test_who_may_be_the_host_no_more_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, later: float, in_doubt: bool, may: bool
) -> None:
    bench = Bench(monkeypatch, 1)
    bench.now += later
    bench.mouth.is_in_doubt = in_doubt
    bench.mouth.deliver([(bench.ways[0], [event(1)])])
    bench.mouth.convey(bench.ways[0], ConnectionChanged("public", "open", 1, 5))
    assert [allowed for _, allowed in bench.outlets[0].got] == [may, may]


@pytest.mark.parametrize(
    ("news", "frames", "refused"),
    [
        (ConnectionChanged("public", "open", 1, 5), 1, []),
        (ConnectionChanged("public", "backfilled", 1, 5), 0, []),
        (StreamFailed(7, StreamError("no"), True, (BITCOIN,)), 1, [(0, 7)]),
        (StreamFailed(7, StreamError("silent"), False), 0, []),
        ("something else", 0, []),
    ],
)
def test_a_guest_is_told_what_concerns_it(
    monkeypatch: pytest.MonkeyPatch, news: Any, frames: int, refused: list[tuple[int, int]]
) -> None:
    bench = Bench(monkeypatch, 1)
    bench.mouth.convey(bench.ways[0], news)
    assert (len(bench.outlets[0].got), bench.refused) == (frames, refused)


def test_the_server_knows_of_a_lease_that_is_gone_before_the_guest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the guest's next request might find it still there, and nothing to do."""
    bench = Bench(monkeypatch, 1)
    order: list[str] = []
    bench.mouth._refused = lambda *_: order.append("server")
    bench.outlets[0].put = lambda *_, **__: order.append("guest")  # type: ignore[method-assign]
    bench.mouth.convey(bench.ways[0], StreamFailed(7, StreamError("no"), True, (BITCOIN,)))
    assert order == ["server", "guest"]
