"""What goes to a guest is in one order, whatever comes first."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.make import make_event
from websocket_v6.protocol.membership import peers
from websocket_v6.protocol.membership.outflow import Outflow

STREAMS = ["ticker KRW-BTC", "trade KRW-ETH", "myOrder KRW-BTC", "orderbook KRW-BTC@10000"]


def event(stream: str, number: int, epoch: int = 1, at: int = 5) -> Event:
    type_, code = stream.split(" ")
    return make_event(stream, f'{{"ty":"{type_}","cd":"{code}","n":{number},"st":"REALTIME"}}'.encode(), epoch, at)


def changed(state: peers.State, epoch: int, endpoint: peers.Endpoint = "public") -> peers.Changed:
    return peers.Changed(endpoint, state, epoch, 0, None, "", "")


def flow(*open_: peers.Endpoint, max_bytes: int = 1 << 16, epoch: int = 1) -> Outflow:
    """Return one whose guest wants these endpoints, and was told that they are open."""
    outflow = Outflow(max_bytes)
    for endpoint in open_:
        outflow.want(endpoint)
        outflow.put_news(changed("open", epoch, endpoint), 0)
    outflow.take()
    return outflow


def said(outflow: Outflow) -> list[peers.Part | peers.Changed | peers.Refused | peers.Answer]:
    found: list[peers.Part | peers.Changed | peers.Refused | peers.Answer] = []
    for one in map(peers.decode_from_host, outflow.take()):
        if isinstance(one, peers.Records):
            found += one.parts
        else:
            assert isinstance(one, peers.Changed | peers.Refused | peers.Answer)
            found.append(one)
    return found


def short(outflow: Outflow) -> list[str]:
    """Return what goes out as words: messages by number, changes by state and epoch."""
    words: list[str] = []
    for one in said(outflow):
        match one:
            case peers.Part():
                words += [payload.split(b'"n":')[1].split(b",")[0].decode() for payload in one.payloads]
            case peers.Changed():
                words.append(f"{one.state} {one.epoch}")
            case _:
                words.append(type(one).__name__)
    return words


# --- batches

events = st.builds(event, st.sampled_from(STREAMS), st.integers(0, 99), st.just(1), st.integers(1, 3))


@given(st.lists(events), st.integers(1, 500))
def test_batches_hold_the_events_in_order_and_what_they_share(given_events: list[Event], max_bytes: int) -> None:
    outflow = flow("public", "private", max_bytes=max_bytes)
    outflow.put_events(given_events)
    back = [
        (part.endpoint, stream, payload, part.ts_received_ns)
        for part in said(outflow)
        if isinstance(part, peers.Part)
        for stream, payload in zip(part.streams, part.payloads, strict=True)
    ]
    assert back == [
        ("private" if one.type == "myOrder" else "public", one.stream, one.payload, one.received_at)
        for one in given_events
    ]
    assert not outflow.is_held


@given(st.lists(events, min_size=1), st.integers(100, 500))
def test_what_goes_out_at_once_is_no_greater_than_asked_for(given_events: list[Event], max_bytes: int) -> None:
    outflow = flow("public", "private", max_bytes=max_bytes)
    outflow.put_events(given_events)
    for data in outflow.take():
        records = peers.decode_from_host(data)
        assert isinstance(records, peers.Records)
        payloads = [payload for part in records.parts for payload in part.payloads]
        assert payloads
        assert len(payloads) == 1 or sum(map(len, payloads)) <= max_bytes


def test_what_one_read_brought_is_one_batch() -> None:
    outflow = flow("public")
    outflow.put_events([event("ticker KRW-BTC", number, at=number // 100) for number in range(200)])
    first, second = said(outflow)
    assert isinstance(first, peers.Part)
    assert isinstance(second, peers.Part)
    assert (first.ts_received_ns, len(first.streams)) == (0, 100)
    assert (second.ts_received_ns, len(second.streams)) == (1, 100)


def test_marks_are_kept_and_separate() -> None:
    plain = event("trade KRW-ETH", 1)
    outflow = flow("public")
    outflow.put_events([plain, plain.as_snapshot(), plain.as_backfilled()])
    parts = [one for one in said(outflow) if isinstance(one, peers.Part)]
    assert [(one.replayed, one.backfilled) for one in parts] == [(False, False), (True, False), (False, True)]
    assert {one.payloads[0] for one in parts} == {plain.payload}


def test_what_two_subscriptions_take_goes_out_once_and_counts_twice() -> None:
    one, other = event("ticker KRW-BTC", 1), event("ticker KRW-BTC", 2, at=6)
    outflow = flow("public")
    outflow.put_news(changed("lost", 1), 3)
    outflow.put_events([one, one])
    assert short(outflow) == ["1"]
    outflow.put_events([one, other])
    assert short(outflow) == ["lost 1", "2"], "three have passed before it"


# --- order


def test_a_change_goes_behind_all_that_was_there_before_it() -> None:
    outflow = flow("public")
    outflow.put_news(changed("lost", 1), 2)
    outflow.put_news(changed("connecting", 1), 2)
    outflow.put_news(changed("open", 2), 2)
    outflow.put_events([event("trade KRW-ETH", 1), event("trade KRW-ETH", 2)])
    outflow.put_events([event("trade KRW-ETH", 3, epoch=2)])
    assert short(outflow) == ["1", "2", "lost 1", "connecting 1", "open 2", "3"]


def test_what_is_faster_than_the_news_of_its_epoch_waits_for_it() -> None:
    outflow = flow("public")
    outflow.put_events([event("trade KRW-ETH", 1), event("trade KRW-ETH", 2, epoch=2), event("trade KRW-ETH", 3, 2)])
    assert short(outflow) == ["1"]
    assert outflow.is_held
    outflow.put_news(changed("lost", 1), 3)
    assert short(outflow) == []
    outflow.put_news(changed("open", 2), 3)
    assert short(outflow) == ["lost 1", "open 2", "2", "3"]
    assert not outflow.is_held


def test_of_several_epochs_each_gets_its_own_news() -> None:
    outflow = flow("public")
    for epoch in (2, 3):
        outflow.put_news(changed("lost", epoch - 1), epoch * 2)
        outflow.put_news(changed("open", epoch), epoch * 2)
    outflow.put_events([event("trade KRW-ETH", number, epoch=1 + number // 2) for number in range(6)])
    assert short(outflow) == ["0", "1", "lost 1", "open 2", "2", "3", "lost 2", "open 3", "4", "5"]


def test_the_news_of_one_endpoint_does_not_go_ahead_with_anothers() -> None:
    outflow = flow("public", "private")
    outflow.put_news(changed("lost", 1, "private"), 3)
    outflow.put_news(changed("lost", 1), 3)
    outflow.put_news(changed("open", 2), 3)
    outflow.put_events(
        [
            event("trade KRW-ETH", 1),
            event("trade KRW-ETH", 2, epoch=2),
            event("myOrder KRW-BTC", 3),
            event(STREAMS[0], 4),
        ]
    )
    assert short(outflow) == ["1", "lost 1", "open 2", "2", "3", "lost 1", "4"]


def test_answers_and_refusals_lie_in_the_same_order() -> None:
    outflow = flow("public")
    outflow.put_news(peers.Answer("public", "ticket", (), ""), 1)
    outflow.put_news(peers.Refused("public", "StreamError", "no"), 2)
    outflow.put_events([event("trade KRW-ETH", number) for number in range(3)])
    assert short(outflow) == ["0", "1", "2", "Answer", "Refused"], "no batch is cut: the mailbox got it whole"


def test_what_was_told_is_not_told_again() -> None:
    outflow = flow("public")
    outflow.put_news(changed("open", 1), 0)
    assert short(outflow) == []
    outflow.put_news(changed("lost", 1), 0)
    outflow.put_news(changed("open", 1), 0)
    assert short(outflow) == ["lost 1", "open 1"]


def test_what_nobody_wants_goes_nowhere() -> None:
    outflow = flow("public")
    outflow.put_events([event("myOrder KRW-BTC", 1), event("trade KRW-ETH", 2)])
    outflow.put_news(changed("lost", 1, "private"), 0)
    assert short(outflow) == ["2"]
    outflow.put_news(changed("lost", 1), 9)
    outflow.put_news(peers.Answer("private", "ticket", (), "not shared"), 2)
    outflow.put_events([event("trade KRW-ETH", 3, epoch=2)])
    outflow.forget("public")
    assert len(outflow) == 1
    assert short(outflow) == ["Answer"]
    assert not outflow.is_held


def test_who_wants_it_again_is_told_again_that_it_is_open() -> None:
    outflow = flow("public")
    outflow.forget("public")
    outflow.want("public")
    outflow.put_events([event("trade KRW-ETH", 1)])
    assert short(outflow) == []
    outflow.put_news(changed("open", 1), 1)
    assert short(outflow) == ["open 1", "1"]


@pytest.mark.parametrize("seed", range(200))
def test_no_message_goes_out_under_an_epoch_that_is_not_its_own(seed: int) -> None:
    rng = random.Random(seed)
    outflow = flow("public", "private")
    mailbox: list[Event] = []
    told: list[peers.Changed] = []  # on their way past the mailbox
    epochs: dict[peers.Endpoint, int] = {"public": 1, "private": 1}
    received = sent = 0
    expected: dict[peers.Endpoint, list[str]] = {"public": [], "private": []}
    found: dict[peers.Endpoint, list[str]] = {"public": [], "private": []}

    def pump() -> None:
        for one in said(outflow):
            match one:
                case peers.Part():
                    found[one.endpoint] += [
                        payload.split(b'"n":')[1].split(b",")[0].decode() for payload in one.payloads
                    ]
                case peers.Changed():
                    found[one.endpoint].append(f"{one.state} {one.epoch}")

    for number in range(300):
        endpoint: peers.Endpoint = "public" if rng.random() < 0.7 else "private"
        match rng.choice(("message", "message", "message", "gap", "tell", "tell", "take", "pump")):
            case "message":
                stream = "trade KRW-ETH" if endpoint == "public" else "myOrder KRW-BTC"
                mailbox.append(event(stream, number, epochs[endpoint], at=number))
                received += 1
                expected[endpoint].append(str(number))
            # Nothing of the next epoch comes before the registry has said that there is one, but it may come to the
            # guest's mailbox before that has come to the session; what was before a loss is there before the loss is.
            case "gap" if not any(one.endpoint == endpoint for one in told):
                told.append(changed("lost", epochs[endpoint], endpoint))
                outflow.put_news(told.pop(), received)
                epochs[endpoint] += 1
                told.append(changed("open", epochs[endpoint], endpoint))
                expected[endpoint] += [f"lost {epochs[endpoint] - 1}", f"open {epochs[endpoint]}"]
            case "tell" if told:
                outflow.put_news(told.pop(0), received)
            case "take" if not outflow.is_held:
                count = rng.randint(1, 40)
                outflow.put_events(mailbox[sent : sent + count])
                sent = min(len(mailbox), sent + count)
                pump()
            case _:
                pump()
    for one in told:
        outflow.put_news(one, received)
    pump()
    while sent < len(mailbox):
        outflow.put_events(mailbox[sent : sent + 7])
        sent += 7
        pump()
    assert found == expected
