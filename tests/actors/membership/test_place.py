"""What a process is among the others, as values."""

from tests.actors.ear import Ear
from websocket_v6.actors.membership.place import MembershipHealth, Placed, Released, Role
from websocket_v6.protocol.connection.door import Door


def test_roles_are_shown_as_words() -> None:
    assert [role.value for role in Role] == ["looking", "host", "guest", "embedded"]
    assert MembershipHealth(Role.HOST.value, 2)[:2] == ("host", 2)


def test_a_place_has_no_door_and_shares_nothing_unless_it_says_so() -> None:
    assert tuple(Placed(Role.HOST)) == (Role.HOST, None, (), None, None, 0)
    door, membership = Door("/run/x", b"k", 1), Ear().ref
    guest = Placed(Role.GUEST, door, ("public",), membership=membership)
    assert (guest.door, guest.shared, guest.membership) == (door, ("public",), membership)
    assert Released(door).door is door


def test_what_is_shared_of_the_account_is_for_the_keys_that_were_shown() -> None:
    place = Placed(Role.GUEST, Door("/run/x", b"k", 1), ("public", "private", "info"), generation=2)
    assert place.with_keys(1) == place.with_keys(2) == place
    assert place.with_keys(3) == place._replace(shared=("public", "info"))
