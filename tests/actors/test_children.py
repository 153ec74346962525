"""Who leans on whom, and what is kept for a child that is not there. How they are replaced: `test_supervisor.py`."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.actors.children import House
from tests.actors.ear import Ear
from websocket_v6.actors.base import stop_and_join, tell
from websocket_v6.actors.children import ORDER, WITH, Children, Family
from websocket_v6.actors.demand.inheritance import RegistryInheritance
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.jwt import Jwt, JwtInheritance, Keys
from websocket_v6.actors.server.network_door import NetworkDoor
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.supervision.steps import Trouble


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Family]:
    House(monkeypatch)
    return lambda folder=None, **options: Family(Config(**options), folder, Ear().ref, serves=False)


def test_the_table_names_all_in_their_order() -> None:
    assert set(WITH) == set(ORDER)
    for name, (names, _) in WITH.items():
        assert names[0] == name
        assert list(names) == sorted(names, key=ORDER.index), "those that are leaned on first"


def test_what_is_replaced_with_another_is_replaced_with_all_that_one_leans_on() -> None:
    for name, (names, endpoints) in WITH.items():
        for other in names:
            assert set(WITH[other][0]) <= set(names), f"{name} takes {other} along"
            assert set(WITH[other][1]) <= set(endpoints)


def test_each_is_missing_once_those_it_leans_on_are_there(make: Callable[..., Family], tmp_path: Path) -> None:
    family = make(tmp_path, backfill=True)
    assert list(family.missing()) == ["jwt", "registry"]
    family.start("registry")
    assert list(family.missing()) == ["jwt", "router"]
    for name in family.missing():
        family.start(name)
    assert list(family.refs) == ["registry", "jwt", "router", "backfill", "membership"], "found missing on the way"
    assert list(family.missing()) == []


def test_what_nobody_needs_is_not_missing(make: Callable[..., Family]) -> None:
    family = make()
    for name in family.missing():
        family.start(name)
    assert list(family.refs) == ["jwt", "registry", "router"]


def test_who_shares_with_nobody_cannot_start_a_membership(make: Callable[..., Family]) -> None:
    family = make()
    with pytest.raises(LookupError):
        family.start("membership")
    assert family.refs == {}


def test_what_is_left_is_kept_until_there_is_a_successor(
    make: Callable[..., Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    family = make()
    family.inheritances["jwt"] = "the keys"
    with monkeypatch.context() as patch:
        patch.setattr(Jwt, "start", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            family.start("jwt")
    assert family.inheritances == {"jwt": "the keys"}
    family.start("jwt")
    assert family.inheritances == {}


def test_what_keeps_children_away_is_their_own_trouble_and_not_a_connection_s() -> None:
    router = Trouble("router", 1, "a bug", "", 0.5, 5.0)
    troubles = (
        router,
        msgspec.structs.replace(router, part="public connection 1"),
        msgspec.structs.replace(router, part="jwt", due=None),
    )
    assert Children(None, None, None, {}, troubles=troubles).restarting == (router,)


def test_what_a_dead_registry_leaves_is_there_however_late_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ends lets go of its actor: it was collected, with all wants, before anybody asked."""
    family = Family(Config(mode="embedded"), None, Ear().ref, serves=False)
    family.start("registry")
    ref = family.refs["registry"]
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "on_receive", lambda *_: sys.exit())
        patch.setattr(Registry, "on_failure", lambda *_: None)  # it dies without a word, which would hold it
        tell(ref, "go")
        assert stop_and_join(ref, 10.0)
    gc.collect()
    family.end("registry")
    assert isinstance(family.inheritances["registry"], RegistryInheritance)


def test_who_asks_about_the_account_is_there_once_it_is_needed(make: Callable[..., Family]) -> None:
    family = make()
    for name in family.missing():
        family.start(name)
    family.needs.add("reconciler")
    assert list(family.missing()) == ["reconciler"]
    family.start("reconciler")
    assert list(family.missing()) == []
    assert family.stop("reconciler")


ONE, OTHER = Secret("s" * 40), Secret("t" * 40)


def test_the_fleet_of_an_account_is_that_of_its_keys(make: Callable[..., Family]) -> None:
    family = make(fleet="valkey://host", fleet_private=True)
    assert set(family.logs) == {"public"}
    assert family.join_account(ONE)
    assert set(family.logs) == {"public", "private", "info"}
    before = family.logs["private"]
    assert not family.join_account(ONE)
    assert family.join_account(OTHER)
    assert family.logs["private"].keys != before.keys
    assert not family.join_account(None), "the keys of a process that has no such fleet are told to nobody"
    assert not make(fleet="valkey://host").join_account(ONE)


def test_who_follows_a_supervisor_has_the_keys_that_were_replaced(make: Callable[..., Family]) -> None:
    family = make(fleet="valkey://host", fleet_private=True, access_key="a" * 40, secret_key="s" * 40)
    family.inherit({}, {"jwt": JwtInheritance(Keys("b" * 40, "t" * 40), 2)}, NetworkDoor())
    assert family.logs["private"].secret == OTHER
