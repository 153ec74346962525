"""A host's state and its guests' words are one JSON object."""

import json

from websocket_v6.protocol.membership.whole_state import whole_state
from websocket_v6.protocol.membership.words import ComponentRow, Components


def test_the_state_is_as_it_was_and_guests_stand_beside_it() -> None:
    row = ComponentRow("chart", "ticker", 3, 900, 7, 2, 0.25)
    found = json.loads(whole_state(b'{"pid":1}', {9: Components((), 4), 7: Components((row,), 0)}))
    assert found["state"] == {"pid": 1}
    assert [one["pid"] for one in found["guests"]] == [7, 9]
    assert found["guests"][0]["components"][0]["component"] == "chart"
    assert found["guests"][1] == {"pid": 9, "components": [], "left_out": 4}
