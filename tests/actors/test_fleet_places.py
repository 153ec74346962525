from tests.actors.ear import Ear
from websocket_v6.actors.fleet_places import FleetPlaces
from websocket_v6.actors.messages.supervisor import FleetPlaced

FLEET = Ear().ref


def test_what_has_no_log_is_nobody_s() -> None:
    places = FleetPlaces(("public",))
    assert not places.is_awaited("private")
    assert not places.reads("private")
    assert places.is_awaited("public")
    assert places.format_of("public", "SIMPLE") == "SIMPLE"


def test_a_place_is_what_the_fleet_said_last() -> None:
    places = FleetPlaces(("public",))
    places.join(FleetPlaced(FLEET, ("public",), False))
    assert (places.reads("public"), places.is_next("public"), places.is_awaited("public")) == (True, False, False)
    places.join(FleetPlaced(FLEET, ("public",), False, True, "DEFAULT"))
    assert (places.reads("public"), places.is_next("public")) == (False, True)
    places.join(FleetPlaced(FLEET, ("public",), True, messages="DEFAULT"))
    assert (places.reads("public"), places.is_next("public")) == (False, False)
    assert places.format_of("public", "SIMPLE") == "DEFAULT"
    places.leave(("public", "private"))
    assert places.is_awaited("public")


def test_the_logs_of_another_account_are_awaited_and_the_public_one_stays() -> None:
    places = FleetPlaces(("public", "private", "info"))
    places.join(FleetPlaced(FLEET, ("public",), False))
    places.join(FleetPlaced(FLEET, ("private", "info"), True))
    places.use(("public", "private", "info"))
    assert places.reads("public")
    assert places.is_awaited("private")
    assert places.is_awaited("info")
