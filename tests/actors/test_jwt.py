import base64
import hashlib
import json
import logging
import queue
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors import jwt as subject
from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.jwt import (
    GetDoorToken,
    GetProof,
    Grant,
    HasKeys,
    Judge,
    Judged,
    JudgeProof,
    Jwt,
    JwtInheritance,
    Keys,
    KeysReplaced,
    KeysSettled,
    Proof,
    Prove,
    Proved,
    ReplaceKeys,
    SignQuery,
    TokenWanted,
)
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import AuthenticationError
from websocket_v6.protocol.exchange.tokens import make_proof, make_token
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server.bearer import Refusal, read_token

ACCESS, SECRET = "ACCESS" + "a" * 34, "SECRET" + "s" * 34
DOOR_TOKEN = "DOOR" + "t" * 20
CONFIG = Config(access_key=ACCESS, secret_key=SECRET)
REMOTE = Config(access_key=ACCESS, secret_key=SECRET, url="wss://host.example/websocket/v1", token=DOOR_TOKEN)
TIMEOUT = 20.0


class Owner(Actor):
    """Stands for the supervisor: keeps what it is told."""

    def __init__(self, told: "queue.SimpleQueue[object]") -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        self._told.put(message)


class Hasty(Jwt):
    """Lives a thousand times as fast."""

    delays: list[float]

    def after(self, delay: float, message: object) -> Any:
        self.delays.append(delay)
        return super().after(delay / 1000, message)


class Bench:
    """An owner, what it was told, and the actors under test."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._refs: list[Ref] = [Owner.start(self.told)]

    def start(self, config: Config = CONFIG, inheritance: JwtInheritance | None = None, kind: type[Jwt] = Jwt) -> Ref:
        ref: Ref = kind.start(config=config, owner=self._refs[0], inheritance=inheritance)
        self._refs.append(ref)
        return ref

    def stop(self) -> None:
        for ref in reversed(self._refs):
            assert stop_and_join(ref, TIMEOUT)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.stop()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Secret]:
    """What tokens were made so far, wanted or not."""
    made: list[Secret] = []

    def count(keys: Keys, nonce: str, algorithm: str, query: str = "") -> Secret:
        made.append(make_token(keys, nonce, algorithm, query))
        return made[-1]

    monkeypatch.setattr(subject, "make_token", count)
    return made


def grant(ref: Ref) -> Grant:
    grant = ask(ref, TokenWanted(), TIMEOUT)
    assert isinstance(grant, Grant)
    return grant


def want(ref: Ref) -> Secret:
    return grant(ref).token


def payload(token: Secret) -> dict[str, str]:
    part = token.reveal().split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def test_every_token_has_a_nonce_of_its_own(bench: Bench) -> None:
    ref = bench.start()
    claims = [payload(want(ref)) for _ in range(1000)]
    assert {tuple(claim) for claim in claims} == {("access_key", "nonce")}
    assert {claim["access_key"] for claim in claims} == {ACCESS}
    nonces = {claim["nonce"] for claim in claims}
    assert len(nonces) == 1000
    assert {uuid.UUID(nonce).version for nonce in nonces} == {4}


@pytest.mark.parametrize("algorithm", ["HS512", "HS256"])
def test_the_algorithm_is_the_configured_one(bench: Bench, algorithm: Any) -> None:
    ref = bench.start(Config(access_key=ACCESS, secret_key=SECRET, jwt_algorithm=algorithm))
    header = want(ref).reveal().split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": algorithm, "typ": "JWT"}


def test_the_next_token_is_ready_before_it_is_wanted(bench: Bench, made: list[Secret]) -> None:
    ref = bench.start()
    wait_until(lambda: len(made) == 1, "the first token")
    assert want(ref) is made[0]
    wait_until(lambda: len(made) == 2, "the second token")
    assert want(ref) is made[1]


def test_a_token_that_grows_old_is_made_anew_at_80_percent_of_its_life(bench: Bench, made: list[Secret]) -> None:
    delays: list[float] = []
    hasty = type("Hasty", (Hasty,), {"delays": delays})
    ref = bench.start(Config(access_key=ACCESS, secret_key=SECRET, token_lifetime=60), kind=hasty)
    wait_until(lambda: len(made) >= 4, "the renewal of a token that nobody wanted")
    assert set(delays) == {0.0, 48.0}
    token = want(ref)
    assert token not in made[:3], "not an old one"
    assert token in made


def test_a_token_that_is_taken_is_not_renewed(bench: Bench, made: list[Secret]) -> None:
    delays: list[float] = []
    hasty = type("Hasty", (Hasty,), {"delays": delays})
    ref = bench.start(Config(access_key=ACCESS, secret_key=SECRET, token_lifetime=86_400), kind=hasty)
    for _ in range(5):
        want(ref)
    wait_until(lambda: delays[-1] > 0, "the last token")
    assert len(made) <= 6, "one for each that was wanted, and the next one"


def test_without_keys_there_are_no_tokens_and_it_says_what_to_do(bench: Bench) -> None:
    ref = bench.start(Config())
    assert ask(ref, HasKeys(), TIMEOUT) is False
    with pytest.raises(AuthenticationError, match="set UPBIT_ACCESS_KEY and UPBIT_SECRET_KEY"):
        want(ref)
    assert ask(ref, HasKeys(), TIMEOUT) is False, "and it lives on"


def test_keys_are_replaced_while_it_runs(bench: Bench) -> None:
    ref = bench.start()
    assert payload(want(ref))["access_key"] == ACCESS
    ask(ref, ReplaceKeys(Keys("other", SECRET)), TIMEOUT)
    assert payload(want(ref))["access_key"] == "other", "the token that was ready is gone"
    assert bench.told.get(timeout=TIMEOUT) == KeysReplaced(2)


def test_only_where_an_account_has_a_fleet_the_secret_is_told(bench: Bench) -> None:
    ref = bench.start(Config(fleet="valkey://host", fleet_private=True))
    ask(ref, ReplaceKeys(Keys("other", SECRET)), TIMEOUT)
    told = bench.told.get(timeout=TIMEOUT)
    assert isinstance(told, KeysReplaced)
    assert told.secret == SECRET
    assert SECRET not in repr(told)


def test_a_token_says_of_which_generation_its_keys_are(bench: Bench, made: list[Secret]) -> None:
    ref = bench.start()
    wait_until(lambda: len(made) == 1, "a token that is ready")
    assert [grant(ref).generation for _ in range(2)] == [1, 1]
    for generation, is_other_account in ((2, True), (3, False)):
        ask(ref, ReplaceKeys(Keys("other", f"{SECRET}{generation}")), TIMEOUT)
        assert grant(ref).generation == generation, "the token that was ready is gone"
        assert bench.told.get(timeout=TIMEOUT) == KeysReplaced(generation, is_other_account)


def test_the_first_keys_may_be_of_a_later_generation(bench: Bench) -> None:
    ref = bench.start(Config())
    ask(ref, ReplaceKeys(Keys(ACCESS, SECRET)), TIMEOUT)
    assert grant(ref).generation == 2


def test_keys_may_come_later(bench: Bench) -> None:
    ref = bench.start(Config())
    ask(ref, ReplaceKeys(Keys(ACCESS, SECRET)), TIMEOUT)
    assert ask(ref, HasKeys(), TIMEOUT) is True
    assert payload(want(ref))["access_key"] == ACCESS


# --- doors


def judge(ref: Ref, proof: bytes, challenge: bytes = b"challenge") -> bool:
    ear = Ear()
    tell(ref, JudgeProof(7, challenge, proof, ear.ref))
    judged = ear.hear(TIMEOUT)
    assert isinstance(judged, Judged)
    assert judged.number == 7
    return judged.is_signed


def test_the_same_keys_show_themselves_to_each_other(bench: Bench) -> None:
    host, guest, other = bench.start(), bench.start(REMOTE), bench.start(Config(access_key=ACCESS, secret_key="other"))
    proof = ask(guest, GetProof(b"challenge"), TIMEOUT)
    assert proof == Proof(make_proof(Keys(ACCESS, SECRET), b"challenge"), 1)
    assert judge(host, proof.proof)
    assert not judge(host, proof.proof, b"another")
    assert not judge(other, proof.proof)
    assert not judge(host, proof.proof[:-1])


@pytest.mark.parametrize("keys", [None, Keys(ACCESS, SECRET)])
def test_no_answer_shows_no_keys(bench: Bench, keys: Keys | None) -> None:
    ref = bench.start(Config() if keys is None else CONFIG)
    assert not judge(ref, b""), "above all not that neither has any"
    if keys is None:
        assert ask(ref, GetProof(b"challenge"), TIMEOUT) == Proof(b"", 1)


def test_a_proof_is_of_the_keys_that_are_in_use(bench: Bench) -> None:
    host, guest = bench.start(), bench.start(REMOTE)
    ask(host, ReplaceKeys(Keys("other", "newer")), TIMEOUT)
    tell(host, KeysSettled(2))
    assert not judge(host, ask(guest, GetProof(b"challenge"), TIMEOUT).proof)
    ask(guest, ReplaceKeys(Keys("other", "newer")), TIMEOUT)
    proof = ask(guest, GetProof(b"challenge"), TIMEOUT)
    assert proof.generation == 2
    assert judge(host, proof.proof)


def test_who_shows_new_keys_waits_until_the_old_ones_are_over(bench: Bench) -> None:
    host, ear = bench.start(), Ear()
    proofs = [make_proof(keys, b"challenge") for keys in (Keys("other", "newer"), Keys("third", "newest"))]
    brought = read_token("Bearer " + make_token(Keys("third", "newest"), "nonce", "HS512").reveal())
    assert not isinstance(brought, Refusal)
    for keys in (Keys("other", "newer"), Keys("third", "newest")):
        ask(host, ReplaceKeys(keys), TIMEOUT)
    for number, proof in enumerate(proofs):
        tell(host, JudgeProof(number, b"challenge", proof, ear.ref))
    tell(host, Judge(2, brought, ear.ref))
    tell(host, KeysSettled(2))
    assert ask(host, HasKeys(), TIMEOUT)
    assert not ear.heard(), "those have been replaced again"
    tell(host, KeysSettled(3))
    assert [ear.hear(TIMEOUT) for _ in range(3)] == [Judged(0, False), Judged(1, True), Judged(2, True)]


def test_a_plain_clients_token_is_judged_and_none_is_signed_for_others(bench: Bench, made: list[Secret]) -> None:
    ref, ear = bench.start(), Ear()
    wait_until(lambda: len(made) == 1, "the token that is ready")
    for secret, is_signed in ((SECRET, True), ("other", False)):
        brought = read_token("Bearer " + make_token(Keys(ACCESS, secret), "nonce", "HS512").reveal())
        assert not isinstance(brought, Refusal)
        tell(ref, Judge(3, brought, ear.ref))
        assert ear.hear(TIMEOUT) == Judged(3, is_signed)
    assert len(made) == 1


def test_the_token_of_a_door_is_the_configured_one_and_no_key_makes_another(bench: Bench) -> None:
    ref = bench.start(REMOTE)
    assert ask(ref, GetDoorToken(), TIMEOUT).reveal() == DOOR_TOKEN
    ask(ref, ReplaceKeys(Keys("other", SECRET)), TIMEOUT)
    assert ask(ref, GetDoorToken(), TIMEOUT).reveal() == DOOR_TOKEN
    assert ask(bench.start(), GetDoorToken(), TIMEOUT).reveal() == ""


def break_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(keys: Keys, nonce: str, algorithm: str, query: str = "") -> Secret:
        raise RuntimeError("as told")

    monkeypatch.setattr(subject, "make_token", fail)


def test_a_successor_has_the_keys_that_were_in_use(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = bench.start()
    ask(ref, ReplaceKeys(Keys("other", SECRET)), TIMEOUT)
    assert bench.told.get(timeout=TIMEOUT) == KeysReplaced(2)
    with monkeypatch.context() as patch:
        break_signing(patch)
        tell(ref, ReplaceKeys(Keys("newest", SECRET)))
        assert bench.told.get(timeout=TIMEOUT) == KeysReplaced(3), "also if it fails at that"
        failed = bench.told.get(timeout=TIMEOUT)
    assert isinstance(failed, Failed)
    assert (failed.name, failed.ref) == ("jwt", ref)
    successor = bench.start(inheritance=failed.inheritance)
    granted = grant(successor)
    assert payload(granted.token)["access_key"] == "newest"
    assert granted.generation == 3


def fail_to_prepare(bench: Bench, ref: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    break_signing(monkeypatch)
    tell(ref, ReplaceKeys(Keys(ACCESS, SECRET)))
    assert bench.told.get(timeout=TIMEOUT) == KeysReplaced(2, is_other_account=False)
    assert isinstance(bench.told.get(timeout=TIMEOUT), Failed)


def fail_to_answer(bench: Bench, ref: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    break_signing(monkeypatch)
    want(ref)  # the one that was ready
    # It dies of having the next one ready, but may answer once more before that.
    with pytest.raises((RuntimeError, pykka.ActorDeadError)):
        want(ref)


def misunderstand(bench: Bench, ref: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(ref, ("what is this?", Keys(ACCESS, SECRET), want(ref)), TIMEOUT)


def misjudge(bench: Bench, ref: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(ref, JudgeProof(1, b"challenge", "no bytes", bench.start()))  # type: ignore[arg-type]
    assert isinstance(bench.told.get(timeout=TIMEOUT), Failed)


@pytest.mark.parametrize("mishap", [fail_to_prepare, fail_to_answer, misunderstand, misjudge])
def test_nothing_that_is_logged_holds_a_secret(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mishap: Callable[[Bench, Ref, pytest.MonkeyPatch], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    ref = bench.start(REMOTE)
    token = want(ref).reveal()
    mishap(bench, ref, monkeypatch)
    bench.stop()
    logged = [record.getMessage() for record in caplog.records]
    # As the handlers of some log them, with the local variables of every frame.
    for record in caplog.records:
        if record.exc_info and record.exc_info[1] is not None:
            shown = traceback.TracebackException.from_exception(record.exc_info[1], capture_locals=True)
            logged.extend(shown.format())
    text = "\n".join(logged)
    assert "Jwt" in text
    for secret in (ACCESS, SECRET, DOOR_TOKEN, token, token.rpartition(".")[2]):
        assert secret not in text


def test_a_proof_is_told_to_whoever_it_is_for(bench: Bench) -> None:
    challenge, other = b"c" * 32, b"d" * 32
    jwt, nobody = bench.start(), bench.start(Config())
    ear = Ear()
    for ref, one in ((jwt, challenge), (jwt, other), (nobody, challenge)):
        tell(ref, Prove(one, ear.ref))
        told = ear.hear()
        assert told == Proved(one, make_proof(Keys(ACCESS, SECRET) if ref is jwt else None, one))
    ask(jwt, ReplaceKeys(Keys(ACCESS, "t" * 40)), TIMEOUT)
    tell(jwt, Prove(challenge, ear.ref))
    assert ear.hear().proof == make_proof(Keys(ACCESS, "t" * 40), challenge)


def test_a_token_for_a_rest_call_signs_its_query_and_each_is_another(bench: Bench) -> None:
    ref = bench.start()
    query = "uuids[]=a&uuids[]=b"
    first, second, bare = (payload(ask(ref, SignQuery(one), TIMEOUT).token) for one in (query, query, ""))
    assert first["query_hash"] == hashlib.sha512(query.encode()).hexdigest()
    assert first["query_hash_alg"] == "SHA512"
    assert first["nonce"] != second["nonce"]
    assert set(bare) == {"access_key", "nonce"}


def test_without_keys_no_query_is_signed(bench: Bench) -> None:
    with pytest.raises(AuthenticationError, match="no API keys"):
        ask(bench.start(Config()), SignQuery("uuid=a"), TIMEOUT)
