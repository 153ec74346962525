"""Random walks of several processes that are stopped and killed anywhere, and whose files are removed.

What must hold at any time is asserted in `world.py`. WEBSOCKET_V6_TEST_WALKS says how many walks.
"""

import os
import random

import pytest

from tests.protocol.membership.world import World
from websocket_v6.protocol.membership.machine import TRANSITIONS

WALKS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "24"))
QUIET = 60.0  # seconds without a disturbance after which there is one host, and everybody is its guest
STEPS = 40


def disturb(world: World) -> None:
    """Do something to somebody, often to the host."""
    rng, alive = world.random, world.alive
    if not alive:
        world.start()
        return
    hosts = [one for one in alive if one.believes]
    one = rng.choice(hosts) if hosts and rng.random() < 0.5 else rng.choice(alive)
    match rng.randrange(16):
        case 0 | 1 | 2 | 3:
            world.disturb(one)
        case 4 | 5 | 6:
            one.leave()
        case 7 | 8 | 9 | 10:
            if len(alive) < 6:
                world.start(serves=rng.random() < 0.25, attaches=rng.random() < 0.1)
        case 11:
            for each in alive:  # the machine sleeps
                each.stop()
                world.after(20.0 + rng.random(), each.resume)
        case 12:
            tidy_up(world)
        case 13:
            world.start(serves=True)
        case 14:
            for each in rng.sample(alive, k=min(2, len(alive))):
                each.stop()
                world.after(rng.uniform(1.0, 60.0), each.resume)
        case 15:
            one.kill()


def tidy_up(world: World) -> None:
    """Remove files, as whatever cleans temporary folders does."""
    rng, folder = world.random, world.folder
    if rng.random() < 0.6:
        folder.inode = None
    if rng.random() < 0.6:
        folder.entry = None
    for process in world.doors.values():
        if rng.random() < 0.3 and process.door is not None:
            process.door.is_hidden = True


def walk(seed: int) -> World:
    rng = random.Random(seed)
    world = World(seed, rate=rng.choice([0.0, 0.001, 0.01]))
    try:
        for _ in range(rng.randint(2, 4)):
            world.start(serves=rng.random() < 0.2)
            world.advance(rng.random() * 0.05)
        for _ in range(rng.randint(1, STEPS)):
            disturb(world)
            world.advance(rng.choice([0.001, 0.01, 0.1, 1.0, 8.0, 20.0]) * rng.random())
        world.rate = 0.0
        settle(world)
        for one in world.alive:
            one.resume()
        settle(world)
    except Exception as exc:
        raise AssertionError(f"walk {seed}: {exc}\n" + "\n".join(world.log)) from exc
    return world


def settle(world: World) -> None:
    world.advance(QUIET)
    for _ in range(20):  # a title may just be on its way to one that is there to have it
        if not world.problem():
            return
        world.advance(0.37)
    pytest.fail(world.problem())


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_there_is_one_host_in_the_end(part: int) -> None:
    worlds = [walk(seed) for seed in range(part, WALKS, 4)]
    met = {pair for world in worlds for pair in world.met}
    titles = sum(world.counts["titles"] for world in worlds)
    ousted = sum(world.counts["Oust"] + world.counts["OustLock"] for world in worlds)
    print(f"{len(worlds)} walks, {titles} titles, {ousted} ousted, {len(met)} of {len(TRANSITIONS)} pairs")  # noqa: T201
    assert titles > len(worlds)
    assert met <= set(TRANSITIONS)
