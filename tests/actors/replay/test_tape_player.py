"""A player reads as far ahead as it is asked to."""

import queue
from pathlib import Path
from typing import Any

import pytest

from tests.replays import header, market, write
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.replay import More, Scene, Stands
from websocket_v6.actors.replay import recorded_tape
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.tape_player import SCENE, Player
from websocket_v6.protocol.recording.messages import count_of
from websocket_v6.protocol.recording.records import Standing
from websocket_v6.protocol.replaying import Replay


class Ear(Actor):
    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> object:
        self._out.put(message)
        return None


def test_it_gives_a_scene_for_each_word_and_says_which_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_tape, "READ_BYTES", 2048)
    values = market(3000)
    out: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ear = Ear.start(out)
    player = Player.start(tape=Tape(Replay(write(tmp_path / "a.wsr", values))), router=ear)
    scenes: list[Scene] = []
    while not scenes or not scenes[-1].is_last:
        tell(player, More())
        scenes.append(out.get(timeout=5))
        assert out.empty()
    assert (
        sum(map(count_of, [piece for one in scenes for piece in one.pieces])) == len(values) - 1
    )  # all but the key state
    assert all(sum(map(count_of, one.pieces)) >= SCENE for one in scenes[:-1])
    assert len(scenes) > 2
    tell(player, Stands(Standing("public", "open", 3, 5)))
    (health,) = ask(player, GetHealth(), 5)
    assert (health.endpoint, health.state, health.epoch) == ("public", "open", 3)
    for ref in (player, ear):
        assert stop_and_join(ref, 5)


def test_a_file_that_is_gone_ends_it_with_an_error(tmp_path: Path) -> None:
    tape = Tape(Replay(write(tmp_path / "a.wsr", market(10), header())))
    (tmp_path / "a.wsr").unlink()
    out: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ear = Ear.start(out)
    player = Player.start(tape=tape, router=ear)
    tell(player, More())
    scene = out.get(timeout=5)
    assert scene.is_last
    assert "cannot be read any more" in str(scene.error)
    for ref in (player, ear):
        assert stop_and_join(ref, 5)
