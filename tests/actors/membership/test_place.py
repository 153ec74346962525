"""What a process is among the others, as values."""

import msgspec

from tests.actors.ear import Ear
from websocket_v6.actors.membership.place import MembershipHealth, Placed, Released, Role
from websocket_v6.protocol.connection.door import Door


def test_roles_are_shown_as_words() -> None:
    assert [role.value for role in Role] == ["looking", "host", "guest", "embedded"]
    health = MembershipHealth(Role.HOST.value, 2)
    assert (health.role, health.guests, health.door) == ("host", 2, None)


def test_a_place_has_no_door_and_shares_nothing_unless_it_says_so() -> None:
    assert Placed(Role.HOST) == Placed(Role.HOST, None, (), None, None, 0)
    door, membership = Door("/run/x", b"k", 1), Ear().ref
    guest = Placed(Role.GUEST, door, ("public",), membership=membership)
    assert (guest.door, guest.shared, guest.membership) == (door, ("public",), membership)
    assert Released(door).door is door


def test_what_is_shared_of_the_account_is_for_the_keys_that_were_shown() -> None:
    place = Placed(Role.GUEST, Door("/run/x", b"k", 1), ("public", "private", "info"), generation=2)
    assert place.with_keys(1) == place.with_keys(2) == place
    assert place.with_keys(3) == msgspec.structs.replace(place, shared=("public", "info"))
