"""A walk: whatever happens on the exchange, whenever the connection is lost, however far REST lags behind, what was
delivered comes to the exchange's own truth within five seconds of the last gap, each trade once."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from .account_world import World

STEP_REST = (st.integers(0, 7), st.floats(0.0, 1.5, allow_nan=False))  # which order or currency, and the pause after it
STEP = st.tuples(
    st.sampled_from(["place", "place", "fill", "fill", "fill all", "cancel", "pay", "lose", "connect", "trigger"]),
    *STEP_REST,
)
MISSED = st.tuples(st.sampled_from(["place", "fill", "fill all", "cancel", "pay"]), *STEP_REST)
OPEN = ("wait", "watch")
LAGS = st.lists(st.floats(0.0, 1.99), min_size=1, max_size=40)


def act(world: World, what: str, which: int) -> None:
    uuids = list(world.orders)
    uuid: Any = uuids[which % len(uuids)] if uuids else None
    match what:
        case "place" if len(uuids) < 5:
            world.place(volume=3, state="watch" if which == 7 else "wait")
        case "trigger" if uuid:
            world.trigger(uuid)
        case "fill" if uuid:
            world.fill(uuid)
        case "fill all" if uuid:
            order = world.orders[uuid]
            world.fill(uuid, order.volume - order.executed or 1)
        case "cancel" if uuid:
            world.cancel(uuid)
        case "pay":
            world.pay(["KRW", "BTC", "ETH"][which % 3], which)
        case "lose":
            world.lose()
        case "connect" if not world.is_connected:
            world.connect()


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=40), st.lists(MISSED, min_size=1, max_size=4), LAGS)
def test_what_is_delivered_comes_to_the_truth(
    steps: list[tuple[str, int, float]], missed: list[tuple[str, int, float]], lags: list[float]
) -> None:
    behind = iter(lags * 1000)
    world = World(lambda: next(behind))
    world.connect()
    world.run(7.0)  # the start is over: from here on everything is news
    for what, which, pause in steps:
        act(world, what, which)
        world.run(pause)
    world.lose()
    for what, which, pause in missed:
        act(world, what, which)
        world.run(pause / 3)
    world.connect()
    world.run(5.0)
    truth = {uuid: order.state for uuid, order in world.orders.items()}
    assert world.states() == truth
    made = [trade[0] for order in world.orders.values() for trade in order.trades]
    assert sorted(world.trades()) == sorted(made)
    assert {name: int(amount) for name, amount in world.holdings().items()} == world.balances[-1][1]
    assert not [one for one in world.told if one.unrecovered or one.error]


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=20), st.lists(STEP, max_size=20), LAGS)
@example(before=[("place", 7, 1.0), ("trigger", 0, 0.0)], after=[("fill", 0, 0.0)], lags=[1.0])
def test_a_start_in_the_midst_shows_what_is_open_and_nothing_that_was(
    before: list[tuple[str, int, float]], after: list[tuple[str, int, float]], lags: list[float]
) -> None:
    behind = iter(lags * 1000)
    world = World(lambda: next(behind))
    for what, which, pause in before:
        if what != "connect":
            act(world, what, which)
        world.run(pause)
    old = {trade[0] for order in world.orders.values() for trade in order.trades}
    # The first answer may be of up to two seconds ago, and what the component is told then goes on from there.
    recent = {trade[0] for order in world.orders.values() for trade in order.trades if trade[1] > world.now - 2.0}
    world.connect()
    for what, which, pause in after:
        if what not in ("lose", "connect"):
            act(world, what, which)
        world.run(pause)
    world.run(5.0)
    truth = {uuid: order.state for uuid, order in world.orders.items()}
    open_ = {uuid for uuid, state in truth.items() if state in OPEN}
    states = world.states()
    assert {uuid for uuid, state in states.items() if state in OPEN} == open_
    assert all(truth[uuid] == state for uuid, state in states.items())
    made = {trade[0] for order in world.orders.values() for trade in order.trades}
    assert made - old <= set(world.trades()) <= made - old | recent
    assert len(set(world.trades())) == len(world.trades())
    assert {name: int(amount) for name, amount in world.holdings().items()} == world.balances[-1][1]
