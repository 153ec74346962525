"""Texts from elsewhere: one printable line, cut, without anything that may be a secret."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.limits import EXCERPT_CHARACTERS, TEXT_CHARACTERS
from websocket_v6.protocol.outside_text import excerpt, outside_text, printable, without_secrets

TOKEN = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5IjoiQUJDIn0.c2lnbmF0dXJl-_x"
KEY = "Abcdefghij0123456789Abcdefghij0123456789"


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=600), st.integers(0, 300))
def test_any_text_becomes_one_short_printable_line(text: str, most: int) -> None:
    shown = outside_text(text, most)
    assert len(shown) <= most
    assert shown.isprintable()
    shown.encode()  # also what was half a character


def test_a_text_is_cut() -> None:
    shown = outside_text("word " * 1_000_000)
    assert len(shown) == TEXT_CHARACTERS
    assert shown.endswith("...")
    assert outside_text("word") == "word"
    assert outside_text("한국어 " * 40) == " ".join(["한국어"] * 40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\nWARNING two\r\nthree", "one WARNING two three"),
        ("a\x1b[31mred\x1b[0m", "a\\x1b[31mred\\x1b[0m"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("bell\x07 null\0 delete\x7f c1\x9b", "bell\\x07 null\\x00 delete\\x7f c1\\x9b"),
        ("two\u2028lines\x85more\x0bor", "two lines more or"),
        ("half \ud83d", "half \\ud83d"),
        ("한국어 ₩ é 😀", "한국어 ₩ é 😀"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert outside_text(text) == printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Invalid status line: 'HTTP/1.1 Bearer {TOKEN}'", "Invalid status line: 'HTTP/1.1 Bearer <cut>'"),
        (f"no {TOKEN}!", "no <cut>!"),
        (f"access key {KEY} expired", "access key <cut> expired"),
        ("Authorization: Bearer short-token-of-16", "Authorization: Bearer <cut>"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz, more", "Proxy-Authorization: Basic <cut>, more"),
        ("http://me:pa/ss@w0rd@proxy:3128/ refused", "http://<cut>@proxy:3128/ refused"),
        ("GET /?token=my-door-token-1&x=1", "GET /?token=<cut>&x=1"),
        ('{"secret_key": "not very long"}', '{"secret_key": "not very long"}'),
        ('{"secret_key": "notverylong"}', '{"secret_key": "<cut>"}'),
        ("https://api.upbit.com:443", "https://api.upbit.com:443"),
        ("KRW-BTC, KRW-ETH: no such code", "KRW-BTC, KRW-ETH: no such code"),
    ],
)
def test_what_may_be_a_secret_is_left_out(text: str, shown: str) -> None:
    assert outside_text(text) == shown
    assert outside_text(shown) == shown


@given(
    st.text(string.printable, max_size=2_000),
    st.text(string.ascii_letters + string.digits, min_size=40, max_size=64),
    st.text(string.printable, max_size=100),
    st.integers(10, 1_500),
)
def test_no_key_is_told_wherever_it_stands(before: str, key: str, after: str, most: int) -> None:
    """Not its first half either, at the end of what is looked at."""
    shown = outside_text(f"{before} {key} {after}", most)
    assert all(key[at : at + 12] not in shown or key[at : at + 12] in before + after for at in range(len(key) - 12))


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def test_what_cannot_show_itself_is_shown_by_its_kind() -> None:
    assert outside_text(_UnspeakableError()) == "<_UnspeakableError>"
    assert outside_text(10**5_000) == "<int>"
    assert outside_text(OSError(2, "No such file")) == "[Errno 2] No such file"


def test_an_excerpt_is_cut_however_many_bytes_its_characters_take() -> None:
    for text in ("한 ", "😀 ", "x "):
        shown = excerpt((text * 10_000).encode())
        assert len(shown) == EXCERPT_CHARACTERS
        assert shown.startswith(text * 30)
    assert excerpt(b"x 9\xff\x1b") == "x 9\ufffd\\x1b"
    assert excerpt(b"") == ""
    assert excerpt(b'{"ty":"trade",' * 1_000).startswith('{"ty":"trade",{"ty"')  # no space in it, however long


def test_the_rest_of_a_text_stays() -> None:
    assert without_secrets(f"a\n{KEY}\n{'b ' * 500}") == f"a\n<cut>\n{'b ' * 500}"
