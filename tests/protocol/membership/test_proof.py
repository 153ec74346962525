"""Who has the same keys, and that nothing else is learned."""

import hashlib
import hmac

from websocket_v6.protocol.membership.proof import is_proven, prove

SECRET = "s" * 40


def test_the_same_keys_give_the_same_answer() -> None:
    challenge = b"c" * 32
    inner = hmac.new(SECRET.encode(), b"websocket-v6 door", hashlib.sha256).digest()
    assert prove(SECRET, challenge) == hmac.new(inner, challenge, hashlib.sha256).digest()
    assert is_proven(prove(SECRET, challenge), prove(SECRET, challenge))


def test_others_do_not() -> None:
    own = prove(SECRET, b"c" * 32)
    assert not is_proven(own, prove("t" * 40, b"c" * 32))
    assert not is_proven(own, prove(SECRET, b"d" * 32))
    assert not is_proven(own, b"")


def test_without_keys_nothing_is_proven() -> None:
    assert prove(None, b"c") == prove("", b"c") == b""
    assert not is_proven(b"", b"")
    assert not is_proven(b"", prove(SECRET, b"c"))
