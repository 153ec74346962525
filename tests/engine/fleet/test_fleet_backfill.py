"""What was missed is fetched once for all machines, by the one that leads, and reaches each in its place."""

from tests.conftest import wait_until
from tests.valkey import needs_server

from .world import CODE, Machine, Market, World

pytestmark = needs_server


def three(world: World) -> list[Machine]:
    settings = {"backfill": True, "rest_url": world.sim.rest_url}
    machines = [*world.pair(**settings), world.machine(**settings).trades()]
    world.pass_on(machines[-1])
    return machines


def fetched(world: World) -> int:
    return len([call for call in world.sim.rest_calls() if "/trades/" in call])


def all_have_all(world: World, *machines: Machine) -> None:
    world.pass_on(*machines)
    world.arrive(*machines)
    for one in machines:
        made = [each.key for each in world.made]
        had = [each.key for each in one.seen[CODE] if each.key in made]
        assert had == made[made.index(had[0]) :], "also what was missed, each once, in order"
        assert len(one.gaps) == 1


def test_what_the_leader_s_connection_missed(world: World) -> None:
    machines = three(world)
    before = fetched(world)
    world.sim.drop("public")
    world.trade(20)
    all_have_all(world, *machines)
    assert fetched(world) - before == 1


def test_who_leaves_has_fetched_before_what_it_promised(world: World) -> None:
    """The next one never knew of it, and has nothing to fetch."""
    settings = {"backfill": True, "rest_url": world.sim.rest_url}
    leader, reader = world.pair(**settings)
    before = fetched(world)
    world.sim.refuse(429, times=2, endpoint="rest")  # so that it takes two seconds
    world.sim.drop("public")
    world.trade(20)
    wait_until(lambda: fetched(world) > before, "it asks")
    with Market(world):
        leader.leave()
    all_have_all(world, reader)
    assert [one.recovered for one in reader.told if one.state == "backfilled"] == [reader.backfilled]
