"""Against a real server: what stands in the log becomes what a source says."""

import time

import pytest

from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6.actors.messages.fleet import JoinLog, LogServes
from websocket_v6.actors.messages.router import SourceEnded, SourceOpened, SourceSaid, SourceState, TradesCame
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.fleet.entries import (
    Covers,
    Fetching,
    Open,
    Refused,
    State,
    encode_rows,
)
from websocket_v6.protocol.limits import LOG_ENTRY_BYTES
from websocket_v6.protocol.zstd import FAST, Compressor

from .conftest import KEYS
from .log_world import TERM, World

pytestmark = needs_server


def test_an_attachment_begins_with_the_leader_s_connection_and_ends_with_it(world: World) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns(), reason="it hung up"))
    assert world.hear(SourceEnded).reason == "it hung up"
    world.leader.say(State("connecting", 1, time.time_ns(), time.time_ns()))
    assert world.hear(SourceState).state == "lost"
    assert world.hear(SourceState).state == "connecting"
    world.leader.open()
    world.hear(SourceOpened)
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_what_is_not_wanted_is_left_out(world: World) -> None:
    world.running()
    world.leader.rows(b"x", stream="ticker KRW-ETH")
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_a_hole_is_a_gap(world: World) -> None:
    world.running()
    world.leader.rows(b"3", skip=2)
    assert "a hole" in world.hear(SourceEnded).reason
    world.hear(SourceOpened)
    assert world.payloads() == [b"3"]


def test_what_the_leader_s_connection_missed_comes_in_the_log(world: World) -> None:
    world.running()
    for backfills in (True, False):
        world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
        world.leader.open(backfills=backfills)
        assert world.hear(SourceOpened).backfills is backfills


def test_what_this_machine_missed_of_the_log_does_not(world: World) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
    world.leader.open(backfills=True)
    assert world.hear(SourceOpened).backfills
    world.leader.rows(b"3", skip=2)
    assert not world.hear(SourceOpened).backfills, "which its leader knows nothing of"
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
    world.leader.open(backfills=True)
    assert world.hear(SourceOpened).backfills


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_hole_while_the_leader_s_connection_is_lost_is_not_filled_by_the_leader(world: World, is_lost: bool) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
    world.leader.say(State("connecting", 1, time.time_ns(), time.time_ns()), skip=1 + is_lost)
    world.leader.open(backfills=True)
    assert world.hear(SourceOpened).backfills is not is_lost


@pytest.mark.parametrize("is_lost", [False, True])
def test_another_leader_fills_what_nobody_led_for_and_not_what_stood_in_the_log(world: World, is_lost: bool) -> None:
    world.running()
    if is_lost:
        world.leader.last = world.leader.last._replace(sequence=world.leader.last.sequence + 1)
    world.leader.lead(TERM + 5)
    world.leader.open(backfills=True)
    assert world.hear(SourceOpened).backfills is not is_lost


def came(world: World) -> bool:
    """Whether it is told that what was promised came, before what comes next."""
    world.leader.say(Fetching(["trade KRW-BTC"], 5))
    for _ in range(2):
        world.leader.say(Fetching([], 5, {"KRW-BTC": 3}))
    world.leader.rows(b"9")
    said = []
    while not isinstance(found := world.hear(SourceSaid, Batch), Batch):
        said.append(found.notice)
    assert said in ([], [TradesCame({"KRW-BTC": 3})])
    return bool(said)


def test_that_what_was_promised_came_is_told_once_and_only_to_who_relied_on_it(world: World) -> None:
    world.running()
    assert not came(world)
    for backfills in (True, False):
        world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
        world.leader.open(backfills=backfills)
        assert world.hear(SourceOpened).backfills is backfills
        assert came(world) is backfills


def test_a_promise_that_is_taken_back_is_a_gap_that_this_machine_sees_to_itself(world: World) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
    world.leader.open(backfills=True)
    assert world.hear(SourceOpened).backfills
    world.leader.open()
    assert isinstance(world.hear(SourceEnded, SourceOpened), SourceEnded)
    assert not world.hear(SourceOpened).backfills
    assert not came(world)


def test_who_follows_what_is_not_promised_sees_to_it_itself(world: World) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns()))
    now = time.time_ns()
    world.leader.say(State("open", 1, now, now, backfills=True, fetches=["trade KRW-ETH"]))
    assert not world.hear(SourceOpened).backfills


def test_another_leader_is_a_gap_until_its_connection_is_open(world: World) -> None:
    world.running()
    world.leader.lead(TERM + 5)
    assert "another machine leads" in world.hear(SourceEnded).reason
    world.leader.rows(b"2")
    world.leader.open()
    world.hear(SourceOpened)
    world.leader.rows(b"3")
    assert world.payloads() == [b"3"]


def test_a_leader_that_continues_the_one_before_is_no_gap(world: World) -> None:
    world.running()
    world.leader.lead(TERM + 5, is_seamless=True)
    world.leader.open(is_seamless=True)
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]
    assert len([one for one in world.said if isinstance(one, SourceOpened)]) == 1


def test_one_that_says_so_and_has_missed_something_is_one(world: World) -> None:
    world.running()
    world.leader.lead(TERM + 5, is_seamless=True)
    world.leader.open()
    world.hear(SourceEnded)
    world.hear(SourceOpened)
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_who_was_not_at_the_end_of_the_one_before_has_a_gap(world: World) -> None:
    world.running()
    world.leader.last = world.leader.last._replace(sequence=world.leader.last.sequence + 1)  # that was lost
    world.leader.lead(TERM + 5, is_seamless=True)
    assert "another machine leads" in world.hear(SourceEnded).reason
    world.leader.open(is_seamless=True)
    world.hear(SourceOpened)
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_the_gap_of_a_leader_that_died_unseen_begins_with_the_last_of_it(world: World) -> None:
    world.running()
    with world.cut():
        world.leader.rows(b"2")
        away = world.hear(SourceEnded)  # seconds later
    assert world.hear(SourceOpened).at_ns == away.whole_ns, "what was written meanwhile is yet to come"
    assert world.payloads() == [b"2"]
    world.leader.lead(TERM + 5)
    assert away.whole_ns < world.hear(SourceEnded).whole_ns < away.at_ns
    world.leader.open()
    assert world.hear(SourceOpened).at_ns > away.at_ns


def test_the_gap_of_a_leader_that_came_and_died_unseen_begins_with_the_last_of_it_too(world: World) -> None:
    world.running()
    with world.cut():
        world.leader.lead(TERM + 5)
        world.leader.open()
        world.leader.rows(b"2")
        away = world.hear(SourceEnded)  # seconds later
        world.leader.lead(TERM + 9)
    assert "another machine leads" in world.hear(SourceEnded).reason
    assert world.hear(SourceOpened).at_ns < away.at_ns
    assert world.hear(Batch).ts_received_ns < away.at_ns
    assert away.whole_ns < world.hear(SourceEnded).whole_ns < away.at_ns


def test_what_is_read_late_of_another_leader_is_as_old_as_it_is(world: World) -> None:
    world.running()
    with world.cut():
        world.leader.lead(TERM + 5)
        world.leader.open()
        world.leader.rows(b"2")
        written_ns = time.time_ns()
        world.hear(SourceEnded)  # seconds later
        beat_ns = time.time_ns()
        world.client.hset(KEYS.lead, "wall", beat_ns)
    batch = world.hear(Batch)
    assert batch.payloads == [b"2"]
    assert batch.ts_received_ns - written_ns <= time.time_ns() - beat_ns, "as well as its last beat tells"


@pytest.mark.parametrize("is_seamless", [False, True])
@pytest.mark.parametrize("minutes", [-5, 5])
def test_the_clock_of_another_leader_is_another_clock(world: World, minutes: int, is_seamless: bool) -> None:
    world.running()
    world.leader.lead(TERM + 5, is_seamless=is_seamless, clock=minutes * 60_000_000_000)
    world.leader.open(is_seamless=is_seamless)
    world.leader.rows(b"2")
    batch = world.hear(Batch)
    assert batch.payloads == [b"2"]
    assert abs(batch.ts_received_ns - time.time_ns()) < 30_000_000_000


def test_a_newcomer_gets_the_last_value_and_what_came_since(world: World) -> None:
    world.running()
    world.reader.want(["trade KRW-BTC", "ticker KRW-ETH"])
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it asks for a checkpoint")
    world.leader.values("ticker KRW-ETH")
    world.leader.rows(b"7", stream="ticker KRW-ETH")
    first = world.hear(Batch)
    assert (first.payloads, first.replayed) == ([b"last"], True)
    assert world.payloads() == [b"7"]


def test_what_is_refused_is_said_in_its_order(world: World) -> None:
    world.running()
    world.leader.say(Refused(["trade KRW-BTC"], "INVALID", "no"))
    said = world.hear(SourceSaid)
    assert (said.notice.streams, said.notice.name) == (("trade KRW-BTC",), "INVALID")


def test_what_the_log_does_not_bring_any_more_is_a_gap(world: World) -> None:
    world.running()
    world.leader.values()  # so that nothing is owed
    world.leader.say(Covers([], ["trade KRW-BTC"]))
    assert "does not bring trade KRW-BTC" in world.hear(SourceEnded).reason


@pytest.mark.parametrize("brought", [[], ["trade KRW-BTC"]])
def test_what_a_leader_that_goes_on_does_not_bring_is_a_gap(world: World, brought: list[str]) -> None:
    """Who led before cannot say any more that it is not brought."""
    world.running()
    world.leader.values()
    world.leader.lead(TERM + 5, is_seamless=True)
    world.leader.open(is_seamless=True)
    world.leader.say(Covers(brought, []))
    world.leader.say(Covers(["ticker KRW-ETH"], []))  # in addition
    world.leader.rows(b"2")
    if brought:
        assert world.payloads() == [b"2"]
        assert not [one for one in world.said if isinstance(one, SourceEnded)]
    else:
        assert "does not bring trade KRW-BTC" in world.hear(SourceEnded).reason


def test_an_entry_that_cannot_be_read_is_a_gap(world: World) -> None:
    world.running()
    world.leader._add(world.leader.next, "d", b"nonsense")
    assert "cannot be read" in world.hear(SourceEnded).reason
    world.leader.rows(b"3")
    world.hear(SourceOpened)
    assert world.payloads() == [b"3"]


def test_compressed_messages_are_read_as_all_others(world: World) -> None:
    world.running()
    body = encode_rows(time.time_ns(), 10, 0, ["trade KRW-BTC"] * 9, [b"%d" % number for number in range(9)])
    world.leader._add(world.leader.next, "z", Compressor(FAST).piece(body, is_last=True))
    assert world.payloads() == [b"%d" % number for number in range(9)]
    world.leader.rows(b"9")
    assert world.payloads() == [b"9"]


def test_an_entry_that_inflates_beyond_the_limit_is_a_gap(world: World) -> None:
    world.running()
    body = encode_rows(time.time_ns(), 10, 0, ["trade KRW-BTC"], [bytes(LOG_ENTRY_BYTES)])
    bomb = Compressor(FAST).piece(body, is_last=True)
    assert len(bomb) < 4096
    world.leader._add(world.leader.next, "z", bomb)
    assert f"more than {LOG_ENTRY_BYTES} bytes" in world.hear(SourceEnded).reason
    world.leader.rows(b"3")
    world.hear(SourceOpened)
    assert world.payloads() == [b"3"]


def test_a_leader_of_a_later_version_is_read_no_further_and_that_is_said(world: World) -> None:
    world.running()
    world.client.hset(KEYS.lead, "format", 2)
    world.leader.say(Open("log", "me", 5, format=2))
    world.leader.rows(b"2")
    ended = world.hear(SourceEnded)
    assert "has format 2, this version knows 1" in ended.reason
    assert isinstance(ended.error, ConfigError)
    wait_until(lambda: any(one == LogServes(0, "refused", ended.error) for one in world.owner.heard()), "refused")


def test_a_field_of_a_later_version_is_passed_over_and_counted(world: World) -> None:
    world.running()
    world.leader._add(world.leader.next, "future", b"?")
    world.leader.rows(b"3")
    assert world.payloads() == [b"3"]
    assert not [one for one in world.said if isinstance(one, SourceEnded)]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_leader_whose_clock_is_minutes_off_is_read_in_this_machine_s_time(world: World, minutes: int) -> None:
    off_ns = minutes * 60 * 10**9
    world.leader.lead()
    world.client.hset(KEYS.lead, "wall", time.time_ns() + off_ns)
    world.start()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it is at the end")
    world.reader.want(["trade KRW-BTC"])
    world.leader.say(State("open", 1, time.time_ns() + off_ns, time.time_ns() + off_ns))
    assert abs(world.hear(SourceOpened).at_ns - time.time_ns()) < 5 * 10**9
    body = encode_rows(time.time_ns() + off_ns, 10, 0, ["trade KRW-BTC"], [b"1"])
    world.leader._add(world.leader.next, "d", body)
    batch = world.hear(Batch)
    assert abs(batch.ts_received_ns - time.time_ns()) < 5 * 10**9
