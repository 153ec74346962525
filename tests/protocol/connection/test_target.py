"""What differs between the exchange and another process."""

from websocket_v6.protocol.connection.door import MEMBER_PATH, Door
from websocket_v6.protocol.connection.target import DOOR_PATHS, Target, door_target
from websocket_v6.protocol.exchange.wants import ALL_ENDPOINTS
from websocket_v6.protocol.secret import HiddenBytes

DOOR = Door("/run/somewhere", HiddenBytes(b"secret" * 6), 3, "member", 4711)


def test_the_exchange_is_paced_judged_by_its_silence_renewed_and_compressed() -> None:
    target = Target("wss://somewhere")
    assert (target.is_paced, target.stalls, target.ages, target.compresses) == (True, True, True, True)
    assert (target.needs_keys, target.door) == (False, None)


def test_a_door_is_none_of_that_and_gets_no_token() -> None:
    target = door_target(DOOR)
    assert (target.is_paced, target.stalls, target.ages, target.compresses) == (False, False, False, False)
    assert (target.needs_keys, target.door) == (False, DOOR)
    assert "4711" in target.url
    assert "secret" not in repr(target), "it may be logged"


def test_a_door_has_a_path_for_each_endpoint_that_is_the_exchange_s_own() -> None:
    assert set(DOOR_PATHS) == set(ALL_ENDPOINTS)
    assert len({*DOOR_PATHS.values(), MEMBER_PATH}) == len(ALL_ENDPOINTS) + 1
    assert all(path.startswith("/websocket/v1") for path in DOOR_PATHS.values())
