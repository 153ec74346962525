"""Several processes on the same connections: what they get together, and what one of them does not get."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.membership.shared_settings import Settings, not_obeyed, settings_of, together

PLAIN = Settings(1, False, None, "SIMPLE")
some = st.builds(
    Settings,
    st.integers(1, 3),
    st.booleans(),
    st.none() | st.floats(1.0, 1e6),
    st.sampled_from(["SIMPLE", "DEFAULT"]),
)


def test_a_configuration_says_what_it_asks() -> None:
    config = Config(redundancy=2, backfill=True, max_age=60.0, format="DEFAULT")
    assert settings_of(config) == Settings(2, True, 60.0, "DEFAULT")
    assert settings_of(Config()) == PLAIN


@given(some, st.lists(some, max_size=4))
def test_everybody_gets_all_but_the_format(own: Settings, others: list[Settings]) -> None:
    given = together(own, others)
    assert given.format == own.format
    for one in (own, *others):
        assert not_obeyed(one, given) == not_obeyed(one, Settings(3, True, 1.0, own.format))


@given(some, st.lists(some, max_size=3))
def test_nothing_is_given_that_nobody_asks(own: Settings, others: list[Settings]) -> None:
    given = together(own, others)
    assert given.redundancy in {one.redundancy for one in (own, *others)}
    assert given.max_age in {one.max_age for one in (own, *others)}
    for order in itertools.permutations(others):
        assert together(own, order) == given


@pytest.mark.parametrize(
    ("wanted", "given", "text"),
    [
        (Settings(2, False, None, "SIMPLE"), PLAIN, "redundancy is 1 and not 2"),
        (Settings(1, True, None, "SIMPLE"), PLAIN, "backfill is False and not True"),
        (Settings(1, False, 60.0, "SIMPLE"), PLAIN, "max_age is None and not 60.0"),
        (Settings(1, False, 60.0, "SIMPLE"), Settings(1, False, 61.0, "SIMPLE"), "max_age is 61.0 and not 60.0"),
        (Settings(1, False, None, "DEFAULT"), PLAIN, "format is 'SIMPLE' and not 'DEFAULT'"),
    ],
)
def test_what_is_not_obeyed_is_named(wanted: Settings, given: Settings, text: str) -> None:
    assert not_obeyed(wanted, given).endswith(f"process's: {text}")


def test_all_of_it_in_one_line() -> None:
    assert not_obeyed(Settings(3, True, 5.0, "DEFAULT"), PLAIN).count(" and not ") == 4


def test_more_than_is_wanted_is_no_matter() -> None:
    assert not_obeyed(PLAIN, Settings(3, True, 5.0, "SIMPLE")) == ""
