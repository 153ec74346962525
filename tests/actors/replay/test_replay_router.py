"""A router that plays: what it waits for, and what it does with what it is told meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.replay.note import Note
from tests.conftest import wait_until
from tests.replays import market, opened, rows, ticker, write
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.delivery.performing import Perform, Run, RunOver
from websocket_v6.actors.future import Future
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.replay import (
    AllTold,
    AwaitData,
    Begin,
    More,
    PlayedOut,
    Scene,
    StandingPlayed,
    UsePlayer,
)
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes, UseRegistry
from websocket_v6.actors.replay import replay_router
from websocket_v6.actors.replay.playing import MessagesRun
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_mailbox import ReplayMailbox
from websocket_v6.actors.replay.replay_router import ReplayRouter
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.recording.messages import Piece, decode_pieces
from websocket_v6.protocol.recording.records import Record, encode_record
from websocket_v6.protocol.replaying import Replay

STREAM = "ticker KRW-BTC"
VALUES = [opened(), *(rows(n, ticker("KRW-BTC", n, n, is_first=n == 1)) for n in range(1, 9))]
RECORDS = [Record(int(at * 1e9), value) for at, value in VALUES]


def scene() -> list[Piece]:
    pieces: list[Piece] = []
    decode_pieces(b"".join(encode_record(one.mono_ns, one.value) for one in RECORDS), pieces)
    return pieces


class World:
    """A router; the test is its player, its registry and its components."""

    def __init__(self, path: Path) -> None:
        self.stage = Stage(Tape(Replay(write(path / "a.wsr", market(5)))))
        self.told: dict[str, list[Any]] = {"player": [], "registry": [], "one": [], "two": []}
        self.refs = {name: Note.start(out) for name, out in self.told.items()}
        self.router = ReplayRouter.start(supervisor=self.refs["registry"], stage=self.stage)
        tell(self.router, UseRegistry(self.refs["registry"]))
        tell(self.router, UsePlayer(self.refs["player"]))
        self.mailboxes: list[ReplayMailbox] = []

    def take(self, name: str, number: int, policy: Mailbox | None = None) -> None:
        mailbox = ReplayMailbox(policy or Mailbox.drop_oldest(99), self.stage, is_pushed=True)
        self.mailboxes.append(mailbox)
        tell(self.router, AddRoutes(number, "public", (STREAM,), mailbox, self.refs[name], True, True, True))

    def run(self, name: str, number: int) -> Run:
        """Return the `number`th run that a component is given."""
        wait_until(lambda: len(self.told[name]) >= number, f"run {number} of {name}")
        message = self.told[name][number - 1]
        assert isinstance(message, Perform)
        return message.run

    def over(self, run: Run, done: int) -> None:
        if isinstance(run, MessagesRun):
            run.done = run.messages = run.given = done
        tell(self.router, RunOver(run))

    def begin(self) -> None:
        tell(self.router, Begin())
        tell(self.router, Scene(scene(), is_last=True))
        wait_until(lambda: self.told["registry"], "the standing")
        assert isinstance(self.told["registry"][0], StandingPlayed)
        tell(self.router, AllTold())

    def close(self) -> None:
        refs: list[Any] = [self.router, *self.refs.values()]
        for ref in refs:
            assert stop_and_join(ref, 5)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path)
    yield made
    made.close()


def test_it_reads_ahead_and_plays_when_it_is_told_to(world: World) -> None:
    wait_until(lambda: world.told["player"] == [More()] * replay_router.AHEAD, "it asks for more")
    world.take("one", 1)
    tell(world.router, Scene(scene(), is_last=True))
    assert ask(world.router, GetHealth(), 5).received == 0
    assert not world.told["registry"]


def test_the_first_is_alone_and_what_is_plain_goes_in_one_run(world: World) -> None:
    world.take("one", 1)
    world.begin()
    first = world.run("one", 1)
    assert [getattr(event, "payload", None) for _, event, _ in first.steps] == [VALUES[1][1].payloads[0]]
    world.over(first, 1)
    second = world.run("one", 2)
    assert isinstance(second, MessagesRun)
    assert list(second.of.records())[second.start[0] :] == RECORDS[2:]
    world.over(second, 7)
    wait_until(lambda: PlayedOut(None) in world.told["registry"], "its end")
    assert world.stage.is_over
    assert world.stage.played == 8


def test_what_it_is_told_meanwhile_recalls_the_run_and_counts_from_there(world: World) -> None:
    world.take("one", 1)
    world.begin()
    world.over(world.run("one", 1), 1)
    run = world.run("one", 2)
    world.take("two", 2)
    wait_until(lambda: run.is_recalled, "it is recalled")
    assert world.stage.played == 1
    assert not world.told["two"]
    world.over(run, 3)
    snapshot = world.run("two", 1)
    ((_, event, _),) = snapshot.steps
    assert event.stream_type == "SNAPSHOT"
    assert world.stage.played == 4
    world.over(snapshot, 1)
    # From here on both have each record, and the next one waits for both.
    for number, place in enumerate(range(5, 9)):
        one, two = world.run("one", 3 + number), world.run("two", 2 + number)
        for given in (one, two):
            assert [step[1].received_at for step in given.steps] == [VALUES[place][1].received_ns]
        world.over(one, 1)
        ask(world.router, GetHealth(), 5)
        assert len(world.told["one"]) == 3 + number
        world.over(two, 1)
    wait_until(lambda: PlayedOut(None) in world.told["registry"], "its end")


def test_a_component_that_is_gone_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.take("one", 1)
    world.begin()
    world.run("one", 1)
    assert stop_and_join(world.refs["one"], 5)
    wait_until(lambda: PlayedOut(None) in world.told["registry"], "its end")


def test_who_waits_for_data_hears_when_it_is_there(world: World) -> None:
    world.take("one", 1)
    ready: Future[bool] = Future()
    tell(world.router, AwaitData((STREAM,), (), None, ready))
    world.begin()
    world.over(world.run("one", 1), 1)
    assert ready.get(timeout=5)
    never: Future[bool] = Future()
    tell(world.router, AwaitData(("ticker KRW-NO",), (), None, never))
    world.over(world.run("one", 2), 0)
    world.over(world.run("one", 3), 7)
    assert never.get(timeout=5) is False


def test_without_a_taker_it_plays_on_by_itself(world: World) -> None:
    world.take("one", 1)
    tell(world.router, DropRoutes(1))
    world.begin()
    wait_until(lambda: PlayedOut(None) in world.told["registry"], "its end")
    assert world.stage.played == 8
