"""protocol/websocket/extensions.py: lists as RFC 6455, 9.1 has them, and what is none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.websocket.extensions import Extension, parse_extensions


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        (" ,\t, ", []),
        ("foo", [Extension("foo", ())]),
        ("foo, bar; baz=2", [Extension("foo", ()), Extension("bar", (("baz", "2"),))]),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate",
            [
                Extension("permessage-deflate", (("client_max_window_bits", None), ("server_max_window_bits", "10"))),
                Extension("permessage-deflate", ()),
            ],
        ),
        ('\t,a ;\tb = "c" ; b;d , , e,', [Extension("a", (("b", "c"), ("b", None), ("d", None))), Extension("e", ())]),
    ],
)
def test_lists(header: str, expected: list[Extension]) -> None:
    assert parse_extensions(header) == expected


@pytest.mark.parametrize(
    "header",
    ["=", ";", "a b", "a;", "a;;b", "a; b=", 'a; b="', 'a; b=""', 'a; b="c d"', "a=b", "é", "a; b=c d", "a, ;b"],
)
def test_no_lists(header: str) -> None:
    assert parse_extensions(header) is None


words = st.text(alphabet="abz019-_.!#", min_size=1, max_size=8)
extensions = st.builds(
    lambda name, parameters: Extension(name, tuple(parameters)),
    words,
    st.lists(st.tuples(words, st.none() | words), max_size=3),
)


@given(st.lists(extensions, max_size=4), st.sampled_from(["", " ", "\t "]), st.sampled_from(["{}", '"{}"']))
def test_whatever_is_listed_is_read(model: list[Extension], space: str, quotes: str) -> None:
    def written(parameter: tuple[str, str | None]) -> str:
        name, value = parameter
        return name if value is None else f"{name}{space}={space}{quotes.format(value)}"

    header = f"{space},{space}".join(
        f"{space};{space}".join([extension.name, *map(written, extension.parameters)]) for extension in model
    )
    assert parse_extensions(header) == model


@given(st.text(alphabet='ab=;, "\t\u00e9', max_size=40))
def test_any_text_is_a_list_or_none(header: str) -> None:
    found = parse_extensions(header)
    assert found is None or sum(len(extension.name) for extension in found) <= len(header)


@pytest.mark.parametrize("piece", ["a,", "a;b,", "a ,", "a;b=c;", ",", " "])
def test_a_long_list_takes_linear_time(piece: str) -> None:
    def seconds(count: int) -> float:
        header = "a," + piece * count + "a"
        started = time.process_time()
        parse_extensions(header)
        return time.process_time() - started

    small = min(seconds(4_000) for _ in range(5))
    assert min(seconds(32_000) for _ in range(5)) < 32 * max(small, 0.0005)
