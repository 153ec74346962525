import pytest

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.sealing import Seal, account_of, check_sealing
from websocket_v6.protocol.secret import Secret

SECRET = Secret("secret")
ID = EntryId(1_830_000_000_000_000, 12)


def test_who_has_the_key_reads_it() -> None:
    check_sealing()
    one, other = Seal(SECRET, "log", "stream"), Seal(SECRET, "log", "stream")
    assert other.open(ID, one.close(ID, "d", b"rows")) == ("d", b"rows")
    assert other.open_value(one.close_value(b"wants")) == b"wants"


def test_neither_the_secret_nor_the_text_is_in_it() -> None:
    sealed = Seal(SECRET, "log", "stream").close(ID, "d", b"KRW-BTC")
    assert b"KRW-BTC" not in sealed
    assert b"secret" not in sealed
    assert "secret" not in account_of("secret")


@pytest.mark.parametrize(
    "other",
    [Seal(Secret("other"), "log", "stream"), Seal(SECRET, "another", "stream"), Seal(SECRET, "log", "another")],
)
def test_who_has_another_key_does_not(other: Seal) -> None:
    one = Seal(SECRET, "log", "stream")
    with pytest.raises(RemoteProtocolError, match="not encrypted with this account's key"):
        other.open(ID, one.close(ID, "d", b"rows"))
    with pytest.raises(RemoteProtocolError, match="not encrypted with this account's key"):
        other.open_value(one.close_value(b"wants"))


@pytest.mark.parametrize("data", [b"", b"short", bytes(100)])
def test_what_was_changed_or_moved_is_refused(data: bytes) -> None:
    one = Seal(SECRET, "log", "stream")
    sealed = one.close(ID, "d", b"rows")
    for id_, changed in ((ID, data), (ID, sealed[:-1] + b"x"), (ID._replace(sequence=13), sealed)):
        with pytest.raises(RemoteProtocolError):
            one.open(id_, changed)
    with pytest.raises(RemoteProtocolError):
        one.open_value(data)


def test_a_value_is_never_encrypted_twice_in_the_same_way() -> None:
    one = Seal(SECRET, "log", "stream")
    assert one.close_value(b"wants") != one.close_value(b"wants")


def test_accounts_are_told_apart() -> None:
    assert account_of("a") != account_of("b")
