"""What a process is among the others, as values."""

from typing import Any, cast

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.membership.place import MembershipHealth, Placed, Released, Role


def test_roles_are_shown_as_words() -> None:
    assert [role.value for role in Role] == ["looking", "host", "guest", "embedded"]
    assert MembershipHealth(Role.HOST.value, 2)[:2] == ("host", 2)


def test_a_place_has_no_link_and_shares_nothing_unless_it_says_so() -> None:
    place = Placed(Role.HOST)
    assert tuple(place) == (Role.HOST, None, {}, None, None)
    with pytest.raises(TypeError):
        cast(Any, place.shared)["public"] = 1  # the default is everybody's
    link, membership = Ear().ref, Ear().ref
    guest = Placed(Role.GUEST, link, {"public": 7}, membership=membership)
    assert (guest.link, guest.shared, guest.membership) == (link, {"public": 7}, membership)
    assert Released(link).link is link
