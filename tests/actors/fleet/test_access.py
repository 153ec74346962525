from typing import Any

import pytest

from websocket_v6 import Config
from websocket_v6.actors.fleet import lines
from websocket_v6.actors.fleet.access import fleets_of, new_machine
from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.secret import Secret

KEYED: dict[str, Any] = {"access_key": "a" * 40, "secret_key": "s" * 40}


def test_without_a_server_there_is_no_fleet() -> None:
    assert fleets_of(Config()) == {}


def test_public_data_is_everybody_s_and_private_data_nobody_s_unless_it_is_said() -> None:
    for config in (Config(fleet="valkey://host"), Config(fleet="valkey://host", **KEYED)):
        (name,) = fleets_of(config)
        access, endpoints = fleets_of(config)[name]
        assert (name, endpoints, access.secret) == ("fleet", ("public",), None)
        assert access.seal("key") is None


def test_an_account_is_a_fleet_of_its_own() -> None:
    one = fleets_of(Config(fleet="valkey://host", fleet_private=True, **KEYED))
    other = fleets_of(Config(fleet="valkey://host", fleet_private=True, access_key="a" * 40, secret_key="t" * 40))
    assert one["account"][1] == ("private", "info")
    assert one["account"][0].seal("key") is not None
    assert len({each[name][0].keys for each in (one, other) for name in each}) == 3
    assert "s" * 40 not in repr(one)


def test_keys_that_come_later_count_as_those_at_the_start() -> None:
    config = Config(fleet="valkey://host", fleet_private=True, access_key="a" * 40, secret_key="t" * 40)
    later = fleets_of(config, Secret(KEYED["secret_key"]))
    assert later == fleets_of(Config(fleet="valkey://host", fleet_private=True, **KEYED))
    assert set(fleets_of(Config(fleet="valkey://host"), Secret("s" * 40))) == {"fleet"}


def test_without_keys_there_is_nothing_private() -> None:
    assert set(fleets_of(Config(fleet="valkey://host", fleet_private=True))) == {"fleet"}


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'websocket-v6\[fleet\]'"):
        fleets_of(Config(fleet="valkey://host"))
    assert fleets_of(Config()) == {}


def test_machines_are_told_apart() -> None:
    assert new_machine() != new_machine()
