"""Two machines and the files between them, along the timelines that once broke."""

from tests.protocol.membership.world import Process, World
from websocket_v6.protocol.membership.steps import Due
from websocket_v6.protocol.membership.transitions import HOSTING, State


def three(world: World) -> tuple[Process, Process, Process]:
    """Start a host and two guests."""
    host = world.start()
    world.advance(1.0)
    one, other = world.start(), world.start()
    world.advance(1.0)
    assert world.problem() == ""
    assert host.machine.state is State.HOST
    return host, one, other


def states(*processes: Process) -> list[State]:
    return [one.machine.state for one in processes]


def test_a_host_that_was_stopped_comes_back_as_a_guest() -> None:
    """A judge replaces it after proof; a guest that was stopped with it finds the new one, not the old."""
    world = World(1)
    host, judge, sleeper = three(world)
    host.stop()
    sleeper.stop()
    world.advance(18.0)
    assert states(judge) == [State.HOST]
    sleeper.resume()
    world.advance(0.01)
    host.resume()  # its door has an answer ready for whoever came meanwhile
    newcomer = world.start()
    world.advance(3.0)
    assert states(judge, host, sleeper, newcomer) == [State.HOST, State.GUEST, State.GUEST, State.GUEST]
    assert world.problem() == ""


def test_a_host_is_given_its_time() -> None:
    world = World(2)
    host, *_ = three(world)
    host.stop()
    world.advance(12.0)
    host.resume()
    world.advance(10.0)
    assert states(host) == [State.HOST]
    assert world.counts["Oust"] == 0


def test_a_machine_that_sleeps_wakes_as_it_was() -> None:
    """All judges find their deadlines passed, and none of them judges."""
    world = World(3)
    everybody = three(world)
    for one in everybody:
        one.stop()
    world.advance(3600.0)
    for one in reversed(everybody):
        one.resume()
        world.advance(0.001)
    world.advance(30.0)
    assert states(*everybody) == [State.HOST, State.GUEST, State.GUEST]
    assert world.counts["Oust"] == 0
    assert world.counts["titles"] == 1


def test_a_host_that_leaves_while_another_asks_for_the_title_passes_it_once() -> None:
    """The hand-over with two takers: leaving, and `serve` asks at the same moment."""
    for seed in range(20):
        world = World(seed)
        host, *_ = three(world)
        service = world.start(serves=True)
        world.advance(0.003 * seed / 10)
        host.leave()
        world.advance(5.0)
        assert host.answers == [True]
        world.advance(5.0)
        assert service.machine.state is State.HOST
        assert world.problem() == ""


def test_a_successor_that_is_stopped_holds_nobody_up() -> None:
    world = World(5)
    host, one, other = three(world)
    one.stop()
    host.leave()
    world.advance(3.0)
    assert host.answers == [True]
    assert states(other) == [State.HOST]
    one.resume()
    world.advance(5.0)
    assert world.problem() == ""


def test_a_successor_that_is_killed_at_any_moment_is_followed() -> None:
    for step in range(40):
        world = World(step)
        host, one, other = three(world)
        host.leave()
        world.advance(0.0005 * step)
        heir = next((each for each in (one, other) if each.machine.state in (State.OFFERED, *HOSTING)), one)
        heir.kill()
        world.advance(5.0)
        assert host.answers, "it is not held up"
        assert world.problem() == "", f"killed after {step / 2} ms"


def test_only_what_is_due_is_done_and_one_thing_at_a_time() -> None:
    world = World(6)
    host, *_ = three(world)
    machine = host.machine
    due = machine.next_due
    assert due is not None
    assert machine.handle(Due(), due - 0.001) == []
    host.leave()
    world.advance(0.0)
    assert machine.next_due is not None
