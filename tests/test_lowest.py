"""Which versions `make test-lowest` installs."""

import pytest

from tests.lowest import ROOT, lowest


def test_every_requirement_of_users_has_a_lower_bound() -> None:
    found = lowest((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    assert [one.partition("==")[0] for one in found] == [
        "PyJWT",
        "h11",
        "msgpack",
        "msgspec",
        "prometheus-client",
        "pykka",
        "python-socks",
        "rich",
        "typer",
        "websocket-client",
        "websockets",
    ]


TEXT = """
[options]
install_requires =
    pykka
[options.extras_require]
simulator =
cli =
metrics =
proxy =
"""


def test_one_without_is_named() -> None:
    with pytest.raises(ValueError, match="'pykka' has no lower bound"):
        lowest(TEXT)
