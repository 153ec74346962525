"""The thread against a real server: when it reads, and when it waits."""

import time
from typing import Any

from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6.actors.messages.fleet import JoinLog, LogServes
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceState
from websocket_v6.protocol.delivery.batch import Batch

from .log_world import World

pytestmark = needs_server


def test_it_waits_for_a_leader(world: World) -> None:
    world.start()
    assert world.hear(SourceState).state == "connecting"
    world.leader.lead()
    world.leader.open()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it asks how things stand")
    world.leader.values()
    world.hear(SourceOpened)


def test_a_server_that_is_back_at_once_costs_nothing(world: World) -> None:
    world.running()
    world.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    world.leader.rows(b"2")
    world.leader.rows(b"3")
    assert world.payloads() + world.payloads() == [b"2", b"3"]
    assert not [one for one in world.said if isinstance(one, SourceEnded)]


def test_a_server_that_stays_away_is_told_and_what_was_written_meanwhile_comes(world: World) -> None:
    world.running()
    world.server.pause()
    ended = world.hear(SourceEnded)
    assert "does not answer" in ended.reason
    world.server.go_on()
    world.leader.rows(b"2")
    world.leader.rows(b"3")
    assert world.payloads() + world.payloads() == [b"2", b"3"]


def test_without_credits_the_log_is_left_alone(world: World) -> None:
    world.leader.lead()
    world.start()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it is at the end")
    world.reader.want(["trade KRW-BTC"])
    world.leader.open()
    for number in range(50):
        world.leader.rows(str(number).encode())
    found: list[Any] = []

    def attached() -> bool:
        found.extend(world.router.heard())
        return any(isinstance(one, SourceOpened) for one in found)

    wait_until(attached, "it is attached")
    (attach,) = [one for one in found if isinstance(one, Attach)]
    assert not [one for one in found if isinstance(one, Batch)]
    for _ in range(3):
        attach.credits.put(True)

    def three() -> bool:
        found.extend(world.router.heard())
        return len([one for one in found if isinstance(one, Batch)]) == 3

    wait_until(three, "three batches")
    for _ in range(60):
        attach.credits.put(True)

    def all_() -> bool:
        found.extend(world.router.heard())
        return [one.payloads[0] for one in found if isinstance(one, Batch)] == [
            str(number).encode() for number in range(50)
        ]

    wait_until(all_, "all of them")


def test_it_ends_at_once_whatever_it_waits_for(world: World) -> None:
    world.running()
    before = time.monotonic()
    world.reader.finish()
    world.reader.join(5.0)
    assert time.monotonic() - before < 1.0
    assert world.hear(SourceEnded)
    assert world.hear(SourceState).state == "closed"
    serves = [one for one in world.owner.heard() if isinstance(one, LogServes)]
    assert serves[-1].state == "closed"
