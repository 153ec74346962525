"""protocol/server/door_rules.py: who may come in, rule by rule."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.door_rules import CONNECTS, LOOKS, Doorkeeper, Rules, Visit, endpoint_at

RULES = Rules()
VISIT = Visit("/websocket/v1", "", {"host": "127.0.0.1:8080"}, "127.0.0.1", "127.0.0.1", 0, 0)


def status(visit: Visit, rules: Rules = RULES, now: float = 0.0) -> int:
    """Return the status of a refusal, 101 if there is none."""
    refusal = Doorkeeper(rules).refusal(visit, now)
    if refusal is None:
        return 101
    assert json.loads(refusal.body)["error"]["name"] == refusal.status
    return refusal.status


def with_headers(**headers: str) -> Visit:
    return VISIT._replace(headers={**VISIT.headers, **headers})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080",
        "localhost:8080",
        "LOCALHOST:8080",
        "localhost.:8080",
        "localhost",
        "[::1]:8080",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
    ],
)
def test_loopback_has_its_names(host: str) -> None:
    assert status(with_headers(host=host)) == 101


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("", 400),
        ("evil.example:8080", 421),
        ("evil.example", 421),
        ("localhost:", 421),
        ("localhost:08080x", 421),
        ("localhost:\u0668080", 421),
        ("localhost:8080, evil.example", 421),
        ("localhost.evil.example:8080", 421),
        ("user@localhost:8080", 421),
        ("[::1:8080", 421),
        ("::1", 421),
        ("192.168.0.7:8080", 421),
        ("0.0.0.0:8080", 421),
        (":8080", 421),
    ],
)
def test_another_host_is_not_this_one(host: str, answer: int) -> None:
    assert status(with_headers(host=host)) == answer
    assert status(VISIT._replace(headers={})) == 400


def test_a_door_has_the_names_it_was_given_and_the_address_it_was_reached_at() -> None:
    rules = Rules(names=frozenset({"Feeds.example"}), token=Secret("t"))
    visit = VISIT._replace(query="token=t", reached="::ffff:192.168.0.7")
    for host in ("feeds.example", "feeds.example:8080", "feeds.example:443", "192.168.0.7:8080"):
        assert status(visit._replace(headers={"host": host}), rules) == 101
    for host in ("localhost:8080", "192.168.0.8:8080"):
        assert status(visit._replace(headers={"host": host}), rules) == 421


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "null", "", "https://evil.example", "https://good.example.evil"]
)
def test_no_page_comes_in_by_itself(origin: str) -> None:
    rules = RULES._replace(origins=frozenset({"https://good.example"}))
    assert status(with_headers(origin=origin)) == 403
    assert status(with_headers(origin=origin), rules) == 403


def test_pages_are_let_in_by_name() -> None:
    rules = RULES._replace(origins=frozenset({"https://Good.example/", "http://localhost:3000"}))
    for origin in ("https://good.example", "HTTP://localhost:3000"):
        assert status(with_headers(origin=origin), rules) == 101


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/websocket/v1", "public"),
        ("/websocket/v1/private", "private"),
        ("/websocket/v1/info", "info"),
        ("/websocket/v1/", None),
        ("/", None),
        ("/websocket-v6", None),
    ],
)
def test_there_are_the_exchange_s_paths(path: str, endpoint: str | None) -> None:
    assert endpoint_at(path) == endpoint
    assert status(VISIT._replace(path=path)) == (101 if endpoint else 404)


def test_another_host_has_one_path_more() -> None:
    visit = VISIT._replace(path="/websocket/v1/markets")
    assert status(visit) == 404, "the exchange has none, and a plain client sees nothing else"
    assert status(visit._replace(is_host=True)) == 101
    assert endpoint_at(visit.path, is_host=True) == "markets"


# --- the token


@pytest.mark.parametrize(
    ("headers", "query", "answer"),
    [
        ({}, "", 401),
        ({"authorization": "Bearer s3cret+&"}, "", 101),
        ({"authorization": "bearer  s3cret+&"}, "", 101),
        ({"authorization": "Basic s3cret+&"}, "", 401),
        ({"authorization": "Bearer s3cret"}, "", 401),
        ({"authorization": "Bearer "}, "", 401),
        ({}, "token=s3cret%2B%26", 101),
        ({}, "a=1&token=s3cret%2B%26", 101),
        ({}, "token=", 401),
        ({}, "Token=s3cret%2B%26", 401),
        ({}, "token=%ED%A0%80", 401),
        ({}, "&".join(["token=s3cret%2B%26"] * 17), 401),
        # The exchange's own token in the header, for private data, and the door's in the query.
        ({"authorization": "Bearer a.b.c"}, "token=s3cret%2B%26", 101),
    ],
)
def test_a_door_with_a_token_wants_to_see_it(headers: dict[str, str], query: str, answer: int) -> None:
    visit = with_headers(**headers)._replace(query=query)
    assert status(visit, RULES._replace(token=Secret("s3cret+&"))) == answer
    assert status(visit) == 101


def test_no_refusal_shows_the_token() -> None:
    rules = RULES._replace(token=Secret("s3cret"))
    for visit in (VISIT, VISIT._replace(query="token=guess")):
        refusal = Doorkeeper(rules).refusal(visit, 0.0)
        assert refusal is not None
        assert b"s3cret" not in refusal.body
        assert b"guess" not in refusal.body


# --- how many, how often


def test_there_is_room_for_so_many() -> None:
    rules = RULES._replace(most_clients=3, most_of_one_address=2)
    assert status(VISIT._replace(clients=2, clients_there=1), rules) == 101
    assert status(VISIT._replace(clients=3, clients_there=0), rules) == 503
    assert status(VISIT._replace(clients=2, clients_there=2), rules) == 503


def test_an_address_connects_as_often_as_at_the_exchange() -> None:
    keeper = Doorkeeper(RULES)
    assert [keeper.refusal(VISIT, 0.0) for _ in range(CONNECTS)] == [None] * CONNECTS
    refusal = keeper.refusal(VISIT, 0.9)
    assert refusal is not None
    assert refusal.status == 429
    assert keeper.refusal(VISIT._replace(address="127.0.0.2"), 0.9) is None
    assert keeper.refusal(VISIT, 2.0) is None


def test_a_page_that_knocks_locks_nobody_out() -> None:
    keeper = Doorkeeper(RULES)
    for page in (with_headers(origin="https://evil.example"), with_headers(host="evil.example:8080")):
        for _ in range(100):
            assert keeper.refusal(page, 0.0) is not None
    assert keeper.refusal(VISIT, 0.0) is None


def test_whoever_guesses_at_the_token_is_counted() -> None:
    keeper = Doorkeeper(RULES._replace(token=Secret("s3cret")))
    found: list[Any] = [keeper.refusal(VISIT._replace(query=f"token={number}"), 0.0) for number in range(CONNECTS + 1)]
    assert [one.status for one in found] == [401] * CONNECTS + [429]


def test_addresses_without_end_are_counted_together() -> None:
    keeper = Doorkeeper(RULES)
    for number in range(1_000):
        assert keeper.refusal(VISIT._replace(address=str(number)), 0.0) is None
    others = [keeper.refusal(VISIT._replace(address=f"x{number}"), 0.5) for number in range(CONNECTS + 1)]
    assert [one is None for one in others] == [True] * CONNECTS + [False]
    assert len(keeper._rates) == 1_001
    assert keeper.refusal(VISIT._replace(address="y"), 10.0) is None
    assert len(keeper._rates) == 1


@given(
    st.dictionaries(st.sampled_from(["host", "origin", "authorization"]), st.text(max_size=20)),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_whatever_a_visitor_says_is_answered(headers: dict[str, str], path: str, query: str) -> None:
    rules = RULES._replace(token=Secret("t"))
    assert 400 <= status(VISIT._replace(headers=headers, path=path, query=query), rules) <= 503
    assert status(with_headers(authorization=f"Bearer x{query}")._replace(query=f"token=x{query}"), rules) == 401


# The door's own page.

LOOK = VISIT._replace(path="/", is_look=True)


@pytest.mark.parametrize(("path", "answer"), [("/", 101), ("/state.json", 101), ("/favicon.ico", 404), ("/x", 404)])
def test_who_only_looks_sees_the_page_and_its_state(path: str, answer: int) -> None:
    assert status(LOOK._replace(path=path)) == answer


def test_the_page_of_the_door_itself_is_let_in() -> None:
    secure = RULES._replace(is_secure=True)
    for rules, scheme in ((RULES, "http"), (secure, "https")):
        for host in ("127.0.0.1:8080", "LOCALHOST:8080", "[::1]:8080"):
            visit = with_headers(host=host, origin=f"{scheme}://{host}")
            assert status(visit, rules) == 101
            assert status(LOOK._replace(headers=visit.headers), rules) == 101


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8081"),
        ("127.0.0.1:8080", "http://localhost:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080.evil.example"),
        ("127.0.0.1:8080", "http://"),
    ],
)
def test_a_page_that_is_nearly_the_doors_own_is_not(host: str, origin: str) -> None:
    assert status(with_headers(host=host, origin=origin)) == 403
    assert status(LOOK._replace(headers={"host": host, "origin": origin})) == 403


def test_a_page_that_a_trick_of_dns_brought_here_is_not_the_doors_own() -> None:
    headers = {"host": "evil.example:8080", "origin": "http://evil.example:8080"}
    assert status(VISIT._replace(headers=headers)) == 421
    assert status(LOOK._replace(headers=headers)) == 421


def test_who_only_looks_shows_the_token_too_and_is_let_in_when_the_door_is_full() -> None:
    rules = RULES._replace(token=Secret("a token"), most_clients=1)
    assert status(LOOK, rules) == 401
    assert status(LOOK._replace(query="token=a%20token", clients=1), rules) == 101
    assert status(VISIT._replace(query="token=a%20token", clients=1), rules) == 503


def test_who_only_looks_takes_nothing_from_those_who_connect() -> None:
    keeper = Doorkeeper(RULES)
    for _ in range(LOOKS):
        assert keeper.refusal(LOOK, 0.0) is None
    answer = keeper.refusal(LOOK, 0.0)
    assert answer is not None
    assert answer.status == 429
    for _ in range(CONNECTS):
        assert keeper.refusal(VISIT, 0.0) is None


def test_rules_do_not_show_their_token() -> None:
    assert "secret" not in repr(RULES._replace(token=Secret("secret")))
