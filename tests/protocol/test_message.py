"""What the base of all messages promises, and that they have it."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

from websocket_v6.actors import messages
from websocket_v6.protocol.message import Message


class Asked(Message):
    what: str
    times: int = 1


class Told(Message):
    what: str
    times: int = 1


class Nothing(Message):
    pass


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Asked("that").times = 2  # type: ignore[misc]


def test_messages_are_equal_if_type_and_fields_are() -> None:
    assert Asked("that") == Asked("that", 1)
    assert len({Asked("that"), Asked("that", 1), Asked("this")}) == 2
    others: list[object] = [Told("that"), ("that", 1)]
    assert Asked("that") not in others


def test_a_message_is_matched_by_position() -> None:
    match Asked("that", 3):
        case Told():
            pytest.fail("it is another type")
        case Asked(what, times):
            assert (what, times) == ("that", 3)


def test_a_message_is_no_tuple_and_never_false() -> None:
    assert not isinstance(Nothing(), tuple)
    assert Nothing(), "as an empty tuple would be"


def classes() -> Iterator[type]:
    for module in pkgutil.iter_modules(messages.__path__):
        found = importlib.import_module(f"{messages.__name__}.{module.name}")
        for _, one in inspect.getmembers(found, inspect.isclass):
            if one.__module__ == found.__name__:
                yield one


@pytest.mark.parametrize("one", list(classes()), ids=lambda one: one.__qualname__)
def test_whatever_actors_tell_each_other_is_a_message(one: type) -> None:
    # What users get as it is, in an answer, is a tuple.
    assert issubclass(one, tuple if one.__name__ in ("FleetHealth", "NetworkHealth", "VisitorHealth") else Message)
