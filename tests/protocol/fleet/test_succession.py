import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.fleet.succession import (
    ASKING,
    HEIR,
    LASTING,
    LEAVER,
    Do,
    Heir,
    HeirEvent,
    HeirState,
    Leaver,
    LeaverEvent,
    LeaverState,
)

WAITING = (LeaverState.OFFERING, LeaverState.OFFERED, LeaverState.PROMISED)
# What the server's replies to calls are, which come once, to who has made the call: they cannot come to anybody else.
REPLIES = {HeirEvent.PROMISED, HeirEvent.DENIED, HeirEvent.TAKEN, HeirEvent.OPENED}


def follow(heir: Heir, *events: HeirEvent) -> list[Do]:
    return [heir.handle(event, 0.0) for event in events]


def leave(*events: LeaverEvent) -> tuple[Leaver, list[Do]]:
    leaver = Leaver()
    return leaver, [leaver.handle(event, 0.0) for event in events]


def test_who_leaves_goes_when_another_leads() -> None:
    leaver, done = leave(LeaverEvent.LEAVE, LeaverEvent.OTHERS, LeaverEvent.CLAIMED, LeaverEvent.LOST)
    assert done == [Do.OFFER, Do.NOTHING, Do.NOTHING, Do.END_IN_ORDER]
    assert not leaver.is_waiting


def test_who_is_alone_goes_at_once() -> None:
    assert leave(LeaverEvent.LEAVE, LeaverEvent.ALONE)[1][-1] is Do.END_IN_ORDER


@pytest.mark.parametrize(("events", "limit"), [((), ASKING), ((LeaverEvent.CLAIMED,), LASTING)])
def test_who_waits_in_vain_goes_after_a_while(events: tuple[LeaverEvent, ...], limit: float) -> None:
    leaver, _ = leave(LeaverEvent.LEAVE, LeaverEvent.OTHERS, *events)
    assert leaver.due(limit - 0.01) is Do.NOTHING
    assert leaver.due(limit) is Do.END
    assert leaver.due(limit) is Do.NOTHING


def test_without_the_server_nobody_is_waited_for() -> None:
    assert leave(LeaverEvent.LEAVE, LeaverEvent.FAILED)[1][-1] is Do.END


def test_who_stays_heeds_nothing() -> None:
    assert {do for event in LeaverEvent if event is not LeaverEvent.LEAVE for do in leave(event)[1]} == {Do.NOTHING}


def test_a_leaver_has_an_answer_to_everything() -> None:
    assert set(LEAVER) == {(state, event) for state in LeaverState for event in LeaverEvent}


@given(st.lists(st.sampled_from(LeaverEvent)))
def test_who_leaves_is_let_go_once(events: list[LeaverEvent]) -> None:
    leaver, done = leave(LeaverEvent.LEAVE, *events, LeaverEvent.LATE)
    assert leaver.state is LeaverState.GONE
    assert len([do for do in done if do in (Do.END, Do.END_IN_ORDER)]) == 1
    assert done.count(Do.OFFER) == 1


STEPS = (
    HeirEvent.OFFERED,
    HeirEvent.PROMISED,
    HeirEvent.GATHERED,
    HeirEvent.HEARD,
    HeirEvent.WHOLE,
    HeirEvent.TAKEN,
    HeirEvent.OPENED,
)


def test_who_follows_goes_step_by_step() -> None:
    heir = Heir()
    assert follow(heir, *STEPS) == [Do.CLAIM, Do.GATHER, Do.NOTHING, Do.CONNECT, Do.TAKE, Do.OPEN, Do.LEAD]
    assert heir.state is HeirState.READS


@pytest.mark.parametrize("count", range(2, len(STEPS)))
def test_whatever_was_prepared_is_abandoned_when_it_is_over(count: int) -> None:
    heir = Heir()
    follow(heir, *STEPS[:count])
    assert heir.is_preparing
    assert follow(heir, HeirEvent.OVER) == [Do.ABANDON]
    assert heir.state is HeirState.READS


def test_who_was_not_promised_it_or_comes_late_reads_on() -> None:
    heir = Heir()
    assert follow(heir, HeirEvent.OFFERED, HeirEvent.DENIED) == [Do.CLAIM, Do.NOTHING]
    for count in (5, 6):
        assert follow(heir, *STEPS[:count], HeirEvent.DENIED)[-1] is Do.ABANDON


def test_who_is_not_ready_in_time_gives_it_up() -> None:
    heir = Heir()
    assert heir.due(1e9) is Do.NOTHING
    follow(heir, *STEPS[:3])
    assert heir.due(LASTING - 0.01) is Do.NOTHING
    assert heir.due(LASTING) is Do.ABANDON


def test_an_answer_to_no_question_is_an_error() -> None:
    with pytest.raises(LocalProtocolError, match="taken is no news to who is claiming"):
        follow(Heir(), HeirEvent.OFFERED, HeirEvent.TAKEN)


def test_only_an_answer_to_no_question_is_not_in_the_table() -> None:
    for state in HeirState:
        for event in set(HeirEvent) - REPLIES:
            assert (state, event) in HEIR


@given(st.lists(st.sampled_from([one for one in HeirEvent if one not in REPLIES]), max_size=30), st.booleans())
def test_who_follows_abandons_just_what_it_has_begun(events: list[HeirEvent], is_promised: bool) -> None:
    """The server's answers come when they are waited for; all else comes at any time."""
    heir, prepared = Heir(), 0
    for event in events:
        for one in (event, answer(heir, is_promised=is_promised)):
            do = heir.handle(one, 0.0) if one is not None else Do.NOTHING
            prepared += (do is Do.GATHER) - (do in (Do.ABANDON, Do.LEAD))
            assert prepared == heir.is_preparing


def answer(heir: Heir, *, is_promised: bool) -> HeirEvent | None:
    match heir.state:
        case HeirState.CLAIMING:
            return HeirEvent.PROMISED if is_promised else HeirEvent.DENIED
        case HeirState.TAKING:
            return HeirEvent.TAKEN
        case HeirState.OPENING:
            return HeirEvent.OPENED
        case _:
            return None
