"""protocol/server/bearer.py: the tokens of the account, each of them once, and nothing else."""

import hashlib
import hmac
import json
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from websocket_v6.protocol.exchange.tokens import Keys, make_token
from websocket_v6.protocol.server.bearer import (
    MAX_TOKEN,
    REMEMBERED,
    REMEMBERED_FOR,
    Bearer,
    Refusal,
    Token,
    is_signed,
    read_token,
)

KEYS = Keys("an-access-key", "a-secret-key-as-raw-text-of-40-characters")
HASHES = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}


def signature(signed: bytes, algorithm: str) -> bytes:
    return hmac.new(KEYS.secret_key.encode(), signed, HASHES[algorithm]).digest()


def check(bearer: Bearer, authorization: str | None, now: float, keys: Keys | None = KEYS) -> Refusal | None:
    """Take the three steps of a door."""
    token = read_token(authorization)
    return token if isinstance(token, Refusal) else bearer.judge(token, now, is_signed=is_signed(token, keys))


def header(nonce: str = "", algorithm: str = "HS512", keys: Keys = KEYS) -> str:
    return f"Bearer {make_token(keys, nonce or str(uuid.uuid4()), algorithm).reveal()}"


def encoded(part: object) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def made(head: Any, payload: Any, algorithm: str = "HS512") -> str:
    """Return a token that is rightly signed, whatever it says."""
    signed = f"{encoded(head)}.{encoded(payload)}"
    return f"Bearer {signed}.{urlsafe_b64encode(signature(signed.encode(), algorithm)).rstrip(b'=').decode()}"


def name(refusal: Refusal | Token | None) -> str:
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    return str(json.loads(refusal.body)["error"]["name"])


GOOD = {"access_key": KEYS.access_key, "nonce": "n"}
HEAD = {"alg": "HS512", "typ": "JWT"}


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_the_engine_s_own_token_is_taken(algorithm: str) -> None:
    assert check(Bearer(), header(algorithm=algorithm), 0.0) is None


def test_a_token_made_with_a_library_is_taken() -> None:
    token = jwt.encode({**GOOD, "exp": 1}, KEYS.secret_key.ljust(64, "x"), algorithm="HS512")
    keys = Keys(KEYS.access_key, KEYS.secret_key.ljust(64, "x"))
    assert check(Bearer(), f"bearer {token}", 0.0, keys) is None  # more claims than the two are ignored


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, "no_authorization_token"),
        ("", "no_authorization_token"),
        ("Bearer", "no_authorization_token"),
        ("Bearer ", "no_authorization_token"),
        ("Basic dXNlcjpwYXNz", "no_authorization_token"),
        ("Bearer abc", "jwt_verification"),
        ("Bearer a.b.c.d", "jwt_verification"),
        (header() + "!", "jwt_verification"),
        (header() + "=", "jwt_verification"),
        ("Bearer ...", "jwt_verification"),
        ("Bearer " + "a" * MAX_TOKEN + ".a.a", "jwt_verification"),
        (made([], GOOD), "jwt_verification"),
        (made(HEAD, []), "jwt_verification"),
        (made({"alg": "none"}, GOOD), "jwt_verification"),
        (made({"alg": "HS384"}, GOOD), "jwt_verification"),
        (made({"alg": ["HS512"]}, GOOD), "jwt_verification"),
        (made({"alg": "HS256"}, GOOD, "HS512"), "jwt_verification"),
        (made({**HEAD, "crit": ["x"]}, GOOD), "jwt_verification"),
        (made(HEAD, {**GOOD, "access_key": "another"}), "jwt_verification"),
        (made(HEAD, {**GOOD, "access_key": "한글"}), "jwt_verification"),
        (header(keys=Keys(KEYS.access_key, "another-secret")), "jwt_verification"),
        (made(HEAD, {"nonce": "n"}), "invalid_query_payload"),
        (made(HEAD, {"access_key": KEYS.access_key}), "invalid_query_payload"),
        (made(HEAD, {**GOOD, "nonce": 1}), "invalid_query_payload"),
        (made(HEAD, {**GOOD, "nonce": ""}), "invalid_query_payload"),
        (made(HEAD, {**GOOD, "nonce": "n" * 257}), "invalid_query_payload"),
        (made(HEAD, {**GOOD, "access_key": None}), "invalid_query_payload"),
    ],
)
def test_anything_else_is_refused_by_the_exchange_s_name(authorization: str | None, error: str) -> None:
    assert name(check(Bearer(), authorization, 0.0)) == error


def test_without_keys_nobody_is_let_in() -> None:
    assert name(check(Bearer(), header(), 0.0, None)) == "jwt_verification"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_token_is_another_one(at: int, change: int) -> None:
    good = header("n")
    bad = list(good)
    at = len("Bearer ") + at % (len(good) - len("Bearer "))
    bad[at] = chr(ord(bad[at]) ^ change)
    found = check(Bearer(), "".join(bad), 0.0)
    # The last letter of base64 has bits that mean nothing; and blanks at the end are none.
    assert found is not None or read_token("".join(bad)) == read_token(good)


@given(st.text(max_size=30) | st.text(".eyJ=-_", max_size=30).map("Bearer {}".format))
def test_no_header_raises(authorization: str) -> None:
    assert isinstance(check(Bearer(), authorization, 0.0), Refusal)


# --- nonces


def test_a_nonce_is_good_once() -> None:
    bearer = Bearer()
    assert check(bearer, header("a"), 0.0) is None
    assert name(check(bearer, header("a", "HS256"), 1.0)) == "nonce_used"
    assert check(bearer, header("b"), 2.0) is None


def test_a_nonce_that_is_forgiven_is_good_once_more() -> None:
    bearer = Bearer()
    assert check(bearer, header("a"), 0.0) is None
    bearer.forgive("a")
    bearer.forgive("never seen")
    assert check(bearer, header("a"), 1.0) is None
    assert name(check(bearer, header("a"), 2.0)) == "nonce_used"


def test_a_nonce_is_remembered_ten_minutes_from_its_use() -> None:
    bearer = Bearer()
    check(bearer, header("a"), 0.0)
    assert check(bearer, header("a"), REMEMBERED_FOR - 1) is not None
    assert check(bearer, header("a"), REMEMBERED_FOR) is None


def test_the_oldest_of_too_many_nonces_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert REMEMBERED == 10_000
    monkeypatch.setattr("websocket_v6.protocol.server.bearer.REMEMBERED", 3)
    bearer = Bearer()
    for nonce in "abcd":
        assert check(bearer, header(nonce), 0.0) is None
    assert check(bearer, header("d"), 0.0) is not None
    assert check(bearer, header("a"), 0.0) is None


def test_a_token_that_was_not_signed_makes_no_nonce_forgotten_or_used() -> None:
    bearer = Bearer()
    check(bearer, header("n", keys=Keys(KEYS.access_key, "another")), 0.0)
    assert check(bearer, header("n"), 0.0) is None


# --- secrets


def test_a_token_shows_nothing() -> None:
    token = read_token(header("a-nonce"))
    assert repr(token) == str(token) == "Token(...)"


def test_the_library_of_tokens_is_not_imported() -> None:
    program = "import sys, websocket_v6.protocol.server.bearer; sys.exit('jwt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode == 0
