import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.policy import Mailbox, default_policy
from websocket_v6.protocol.errors import LocalProtocolError

whole = st.integers(1, 2**40)
policies = st.one_of(
    st.builds(Mailbox.latest, notify=st.booleans()),
    st.builds(Mailbox.drop_oldest, whole),
    st.builds(Mailbox.latest, max_bytes=whole),
    st.builds(Mailbox.throttle, st.floats(1e-6, 1e6), max_bytes=whole),
    st.builds(Mailbox.throttle, st.floats(1e-6, 1e6), notify=st.booleans()),
    st.builds(Mailbox.lossless, whole),
    st.builds(Mailbox.block, whole),
)


@given(policies)
def test_repr_is_the_call_that_makes_an_equal_policy(policy: Mailbox) -> None:
    same = eval(repr(policy), {"Mailbox": Mailbox})  # noqa: S307
    assert same == policy
    assert hash(same) == hash(policy)
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301


def test_repr_reads_well() -> None:
    assert repr(Mailbox.latest()) == "Mailbox.latest()"
    assert repr(Mailbox.latest(notify=True)) == "Mailbox.latest(notify=True)"
    assert repr(Mailbox.throttle(0.25, notify=True)) == "Mailbox.throttle(0.25, notify=True)"
    assert repr(Mailbox.drop_oldest(4096)) == "Mailbox.drop_oldest(4096)"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mailbox.drop_oldest(0),
        lambda: Mailbox.drop_oldest(-1),
        lambda: Mailbox.drop_oldest(2.0),  # type: ignore[arg-type]
        lambda: Mailbox.drop_oldest(True),
        lambda: Mailbox.drop_oldest("9"),  # type: ignore[arg-type]
        lambda: Mailbox.throttle(0),
        lambda: Mailbox.throttle(-1),
        lambda: Mailbox.throttle(-0.5),
        lambda: Mailbox.throttle(float("nan")),
        lambda: Mailbox.throttle(float("inf")),
        lambda: Mailbox.throttle(True),
        lambda: Mailbox.throttle(None),  # type: ignore[arg-type]
        lambda: Mailbox.lossless(0),
        lambda: Mailbox.block(0),
        lambda: Mailbox.latest(notify=1),  # type: ignore[arg-type]
        lambda: Mailbox("latest", 3),
        lambda: Mailbox.latest(max_bytes=0),
        lambda: Mailbox.block(3, max_bytes=1.5),  # type: ignore[arg-type]
        lambda: Mailbox.drop_oldest(3, max_bytes=True),
        lambda: Mailbox("lossless", 3, True, 3),
        lambda: Mailbox("drop_oldest"),
        lambda: Mailbox("newest", 3),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused(make: Callable[[], Mailbox]) -> None:
    with pytest.raises(LocalProtocolError, match=r"^Mailbox\.\w+\(.*\) makes no sense: "):
        make()


def test_every_policy_has_a_budget_of_bytes() -> None:
    assert Mailbox.latest().budget == Mailbox.throttle(9).budget == Mailbox.block(1).budget == 32 * 1024 * 1024
    assert Mailbox.drop_oldest(100_000).budget == Mailbox.block(100_000).budget == 819_200_000
    assert Mailbox.lossless(7).budget == Mailbox.drop_oldest(100_000, max_bytes=7).budget == 7


def test_policies_are_immutable() -> None:
    with pytest.raises(AttributeError):
        Mailbox.latest().limit = 7  # type: ignore[misc]


def test_every_type_has_a_default_and_private_data_is_never_thinned_out() -> None:
    assert default_policy("orderbook") == Mailbox.latest()
    assert default_policy("ticker") == default_policy("candle.1m")
    assert default_policy("ticker") == Mailbox.drop_oldest(4096, max_bytes=16 * 1024 * 1024)
    assert default_policy("trade").kind == "drop_oldest"
    for private in ("myOrder", "myAsset", "announcement", "indicator", "indicator_signal"):
        assert default_policy(private) == Mailbox.lossless(64 * 1024 * 1024)
