"""What a source is told is what its endpoint decided."""

import pytest

from websocket_v6.actors.demand.source_words import SourceCommand, refused_word, source_word
from websocket_v6.actors.messages import connection as told
from websocket_v6.protocol.demand import commands
from websocket_v6.protocol.server.words import Refused


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (commands.Connect(7, [{"type": "ticker"}]), told.Connect("public", [{"type": "ticker"}])),
        (commands.Disconnect(7, 2.0), told.Disconnect("public", 2.0)),
        (commands.SendRequest(7, 3, [], 9), told.SendRequest("public", 3, [], 9)),
        (commands.ListSubscriptions(7, "ticket", 9), told.ListSubscriptions("public", "ticket", 9)),
        (commands.OpenPart(7, 9), told.OpenPart("public", 9)),
        (commands.Suspect(7, 9, "why"), told.Suspect("public", 9, "why")),
    ],
)
def test_each_command_has_its_word(command: SourceCommand, word: object) -> None:
    said = source_word("public", command)
    assert said == word
    assert type(said) is type(word), "empty tuples of two classes are equal"


def test_what_a_door_refuses_is_told_from_what_else_is_said() -> None:
    word = Refused(("ticker KRW-BAD",), "WRONG_FORMAT", "no")
    assert refused_word(word) is word
    assert refused_word("a notice") is None
