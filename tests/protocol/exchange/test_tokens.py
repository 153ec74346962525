import base64
import copy
import hashlib
import hmac
import json
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.exchange.tokens import Keys, is_key, make_proof, make_token
from websocket_v6.protocol.secret import Secret

SECRET = "SECRET" + "s" * 34  # as long as the exchange's
NONCE = "3f0c7d52-9a41-4f0e-8e0a-6f0b2b7d1c11"
HASHES: dict[str, Callable[..., Any]] = {"HS512": hashlib.sha512, "HS256": hashlib.sha256}
key_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("algorithm", HASHES)
@given(access=key_texts, secret=key_texts)
def test_a_token_is_what_the_exchange_documents(algorithm: str, access: str, secret: str) -> None:
    text = make_token(Keys(access, secret), NONCE, algorithm).reveal()
    header, payload, signature = text.split(".")
    assert json.loads(decoded(header)) == {"alg": algorithm, "typ": "JWT"}
    assert json.loads(decoded(payload)) == {"access_key": access, "nonce": NONCE}
    expected = hmac.new(secret.encode(), f"{header}.{payload}".encode(), HASHES[algorithm]).digest()
    assert decoded(signature) == expected


def test_a_token_satisfies_a_library_that_checks_it() -> None:
    text = make_token(Keys("access", "s" * 64), NONCE, "HS512").reveal()
    assert jwt.decode(text, "s" * 64, algorithms=["HS512"]) == {"access_key": "access", "nonce": NONCE}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(text, "t" * 64, algorithms=["HS512"])


def test_the_short_secrets_of_the_exchange_are_no_reason_to_warn() -> None:
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_token(Keys("access", SECRET), NONCE, "HS512")
    assert caught == []
    assert warnings.filters == filters


@pytest.mark.skipif(
    not hasattr(jwt.warnings, "InsecureKeyLengthWarning"), reason="this version of PyJWT warns of no short keys"
)
def test_the_library_still_warns_others() -> None:
    make_token(Keys("access", SECRET), NONCE, "HS512")
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        jwt.encode({}, SECRET, algorithm="HS512")


@pytest.mark.parametrize("value", ["", " ", "a b", "a\n", "\tkey", "키", "a\x7f", None, 7, b"key"])
def test_what_cannot_be_a_key_is_refused(value: Any) -> None:
    assert not is_key(value)
    with pytest.raises(ConfigError, match=r"^secret_key is not accepted: give the key as the exchange shows it"):
        Keys("access", value)
    with pytest.raises(ConfigError, match=r"^access_key is not accepted"):
        Keys(value, SECRET)


def test_a_refused_key_is_not_in_the_traceback() -> None:
    with pytest.raises(ConfigError) as caught:
        Keys("access", SECRET + " ")
    within = caught.value.with_traceback(caught.tb.tb_next)
    told = "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())
    assert "__init__" in told
    assert SECRET not in told


@pytest.mark.parametrize("make", [lambda: Keys(SECRET, SECRET), lambda: Secret(SECRET)])
def test_secrets_show_nowhere_and_stay(make: Callable[[], object]) -> None:
    secret = make()
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert SECRET not in text
    assert not hasattr(secret, "__dict__")
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"do(es)? not leave"):
            leave(secret)


@given(access=key_texts, secret=key_texts, challenge=st.binary(max_size=64))
def test_a_proof_is_of_the_secret_and_the_challenge_alone(access: str, secret: str, challenge: bytes) -> None:
    own = hmac.new(secret.encode(), b"websocket-v6 door", hashlib.sha256).digest()
    expected = hmac.new(own, challenge, hashlib.sha256).digest()
    assert make_proof(Keys(access, secret), challenge) == expected
    assert make_proof(Keys("other", secret), challenge) == expected
    assert make_proof(Keys(access, secret), challenge + b"\0") != expected
    assert make_proof(Keys(access, secret + "x"), challenge) != expected


def test_without_keys_there_is_no_proof_and_so_none_is_right() -> None:
    assert make_proof(None, b"challenge") == b""


@pytest.mark.parametrize("algorithm", HASHES)
def test_a_proof_is_no_signature_of_a_token(algorithm: str) -> None:
    # Whoever asks chooses the challenge, and must not get a token signed.
    signed = make_token(Keys("access", SECRET), NONCE, algorithm).reveal().rpartition(".")[0].encode()
    assert make_proof(Keys("access", SECRET), signed) != hmac.new(SECRET.encode(), signed, HASHES[algorithm]).digest()


def test_a_token_of_a_rest_call_has_the_hash_of_its_query_as_it_is_before_it_is_encoded() -> None:
    text = make_token(Keys("access", "s" * 64), NONCE, "HS512", "states[]=wait&market=KRW-BTC").reveal()
    assert jwt.decode(text, "s" * 64, algorithms=["HS512"]) == {
        "access_key": "access",
        "nonce": NONCE,
        "query_hash": hashlib.sha512(b"states[]=wait&market=KRW-BTC").hexdigest(),
        "query_hash_alg": "SHA512",
    }
