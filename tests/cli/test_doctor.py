"""`doctor` against exchanges that are well, and against each of the ways in which one, or this machine, is not."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trustme
from typer.testing import CliRunner

from tests.cli.serving import serving
from websocket_v6 import Config
from websocket_v6.actors.membership.rendezvous import HostEntry, Rendezvous
from websocket_v6.cli import check_machine
from websocket_v6.cli.app import app
from websocket_v6.cli.check_rest import check_clock, left, limits
from websocket_v6.cli.doctor import examine
from websocket_v6.cli.finding import Finding, Level
from websocket_v6.cli.rest_calls import Reply
from websocket_v6.simulator import Simulator

PROXIES = [f"{name}_proxy" for name in ("https", "http", "all", "no")]
EVIL = "\x1b[2J[red]\n\u202eevil"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC", "KRW-ETH"]) as sim:
        yield sim


@pytest.fixture
def config(exchange: Simulator, tmp_path: Path) -> Config:
    return Config(
        url=exchange.url,
        access_key=exchange.access_key,
        secret_key=exchange.secret_key,
        runtime_dir=tmp_path / "meeting",
        connect_timeout=5.0,
    )


def found(config: Config) -> dict[str, Finding]:
    return {one.name: one for one in examine(config)}


def but(findings: dict[str, Finding]) -> dict[str, Level]:
    """Return what is not well, without what there is nothing of."""
    return {one.name: one.level for one in findings.values() if one.level not in (Level.OK, Level.SKIPPED)}


def test_a_machine_that_is_well(exchange: Simulator, config: Config) -> None:
    findings = found(config)
    assert but(findings) == {}
    assert [one.name for one in findings.values() if one.level is Level.SKIPPED] == ["tls"]
    assert findings["names"].text.startswith("127.0.0.1 is 127.0.0.1")
    assert "KRW-BTC" in findings["data"].text
    assert findings["limits"].text.startswith("left in this second: default 2")
    assert all(group in findings["limits"].text for group in ("market 9", "websocket"))


def test_it_asks_little(exchange: Simulator, config: Config) -> None:
    found(config)
    assert exchange.rest_calls() == ["/v1/market/all", "/v1/api_keys", "/v1/orders/open", "/v1/accounts"]
    assert len(exchange.sent()) == len(exchange.sent(stream="ticker KRW-BTC")) == 1
    exchange.wait_connected(0)


def test_without_keys_it_asks_for_nothing_of_an_account(exchange: Simulator, config: Config) -> None:
    findings = found(config.without_keys())
    assert but(findings) == {}
    assert findings["keys"].level is findings["private"].level is Level.SKIPPED
    assert exchange.rest_calls() == ["/v1/market/all"]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"secret_key": "quite-another-secret-key-of-64-characters-so-that-none-warns-of-it"}, {"keys", "private"}),
        ({"access_key": "unknown"}, {"keys", "private"}),
    ],
)
def test_wrong_keys_are_told_and_not_shown(config: Config, keys: dict[str, str], names: set[str]) -> None:
    wrong = msgspec.structs.replace(config, **keys)
    findings = found(wrong)
    assert but(findings) == dict.fromkeys(names, Level.FAILED)
    assert "UPBIT_ACCESS_KEY" in findings["keys"].remedy
    shown = str(list(findings.values()))
    assert all(value not in shown for value in keys.values() if value != "unknown")


def test_a_key_that_lacks_a_permission_still_does(exchange: Simulator, config: Config) -> None:
    exchange.add_key(exchange.access_key, exchange.secret_key, ["assets"])
    findings = found(config)
    assert but(findings) == {"permission orders": Level.WARNING}
    assert "view orders" in findings["permission orders"].remedy


def test_an_address_that_is_not_on_the_list(exchange: Simulator, config: Config) -> None:
    exchange.allow_ip(False)
    findings = found(config)
    assert findings["keys"].level is Level.FAILED
    assert "allow list" in findings["keys"].text


@pytest.mark.parametrize(
    ("endpoint", "names"), [("public", {"websocket"}), ("rest", {"rest"}), ("private", {"private"})]
)
def test_who_is_refused_learns_for_how_long(
    exchange: Simulator, config: Config, endpoint: str, names: set[str]
) -> None:
    exchange.refuse(418, endpoint=endpoint, headers={"Retry-After": "77"}, body=EVIL)
    findings = found(config)
    assert but(findings) == dict.fromkeys(names, Level.FAILED)
    (text,) = (findings[name].text for name in names)
    assert "77 s" in text
    assert text.isprintable()


def test_an_answer_that_never_comes_ends_at_the_timeout(exchange: Simulator, config: Config) -> None:
    exchange.spoil("/v1/market/all", "cut")
    exchange.mute("KRW-BTC")
    findings = found(msgspec.structs.replace(config.without_keys(), connect_timeout=0.3))
    assert but(findings) == {"data": Level.FAILED, "rest": Level.FAILED}
    assert "it was waiting for the ticker of KRW-BTC" in findings["data"].text


def test_a_region_without_the_call_about_keys(exchange: Simulator, config: Config) -> None:
    exchange.refuse(404, endpoint="/v1/api_keys")
    findings = found(config)
    assert but(findings) == {}
    assert findings["keys"].level is Level.SKIPPED
    assert findings["permission orders"].level is Level.OK


@pytest.mark.parametrize("with_token", [False, True])
def test_a_door_in_the_exchanges_place(exchange: Simulator, tmp_path: Path, with_token: bool) -> None:
    token = "a-token-of-more-than-32-characters-for-this"
    path = tmp_path / "token"
    path.write_text(token)
    path.chmod(0o600)
    options = ["--token-file", str(path)] if with_token else []
    with serving(exchange.url, None, "--port", "0", *options) as host:
        door = Config(url=host.line()["door"], mode="embedded")
        if with_token:
            wrong = msgspec.structs.replace(door, token="x" * 40, rest_url=exchange.rest_url)
            door = msgspec.structs.replace(door, token=token, rest_url=exchange.rest_url)
            findings = found(wrong)
            assert but(findings) == {"websocket": Level.FAILED}
            assert "WEBSOCKET_V6_TOKEN" in findings["websocket"].text
        findings = found(door)
    assert but(findings) == ({} if with_token else {"rest": Level.WARNING})
    assert findings["data"].level is Level.OK
    assert token not in str(findings)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    findings = found(Config(url=f"ws://127.0.0.1:{port}/websocket/v1", runtime_dir=tmp_path / "meeting"))
    assert but(findings) == {"websocket": Level.FAILED, "rest": Level.FAILED}
    assert all(findings[name].remedy for name in ("websocket", "rest"))


def test_a_name_without_an_address_ends_it(config: Config) -> None:
    findings = found(msgspec.structs.replace(config.without_keys(), url="wss://nobody.invalid/websocket/v1"))
    assert but(findings) == {"names": Level.FAILED}
    assert findings["websocket"].level is findings["rest"].level is Level.SKIPPED


def test_a_proxy_that_is_none(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://user:hunter2hunter2@proxy:21")
    findings = found(msgspec.structs.replace(config.without_keys(), url="wss://nobody.invalid/websocket/v1"))
    assert but(findings) == {"proxy": Level.FAILED}
    assert "hunter2" not in str(findings)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_certificates(tmp_path: Path, is_trusted: bool) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = [str(tmp_path / name) for name in ("chain.pem", "key.pem", "ca.pem")]
    certificate.cert_chain_pems[0].write_to_path(paths[0])
    certificate.private_key_pem.write_to_path(paths[1])
    (authority if is_trusted else trustme.CA()).cert_pem.write_to_path(paths[2])
    with Simulator(["KRW-BTC"], tls=(paths[0], paths[1])) as sim:
        findings = found(Config(url=sim.url, ca_file=paths[2], mode="embedded"))
    if is_trusted:
        assert but(findings) == {}
        assert findings["tls"].text.startswith("TLSv1.")
    else:
        assert but(findings) == {"websocket": Level.FAILED, "rest": Level.FAILED}
        assert "ca_file" in findings["websocket"].text


def test_a_folder_that_others_can_open(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    findings = found(msgspec.structs.replace(config, runtime_dir=folder))
    assert but(findings) == {"runtime folder": Level.FAILED}
    assert "WEBSOCKET_V6_RUNTIME_DIR" in findings["runtime folder"].remedy


@pytest.mark.parametrize(("mode", "level"), [("auto", Level.WARNING), ("attach", Level.FAILED)])
def test_a_host_that_died(tmp_path: Path, mode: str, level: Level) -> None:
    config = Config(url="ws://127.0.0.1:9/websocket/v1", runtime_dir=tmp_path, mode=mode)  # type: ignore[arg-type]
    place = Rendezvous(tmp_path, config.url)
    assert place.try_lock()
    try:
        assert place.announce(HostEntry(place.new_address(), b"key that nobody may see", os.getpid()))
        findings = {one.name: one for one in check_machine.check_host(config)}
    finally:
        place.unlock()
    assert str(os.getpid()) in findings["host"].text
    assert findings["door"].level is level
    assert "nobody may see" not in str(findings)


@pytest.mark.parametrize("is_awake", [True, False])
def test_a_host_that_is_there(
    exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_awake: bool
) -> None:
    folder = tmp_path / "meeting"
    with serving(exchange.url, folder) as host:
        host.line()
        if not is_awake:
            monkeypatch.setattr(check_machine, "DOOR_TIMEOUT", 0.3)
            host.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, host.popen.pid, os.WSTOPPED)  # with all its threads
        findings = {one.name: one for one in check_machine.check_host(Config(url=exchange.url, runtime_dir=folder))}
        host.signal(signal.SIGCONT)
        assert findings["host"].text.startswith(f"process {host.popen.pid} is the host")
        host.line()
        host.signal(signal.SIGTERM)
        assert host.wait()[0] == 0
        assert "came to the door" not in host.errors
    assert findings["door"].level is (Level.OK if is_awake else Level.FAILED)
    assert is_awake or f"kill -CONT {host.popen.pid}" in findings["door"].text


def test_attach_needs_a_host(config: Config) -> None:
    findings = found(msgspec.structs.replace(config, mode="attach"))
    assert but(findings) == {"host": Level.FAILED}
    assert "websocket-v6 serve" in findings["host"].remedy


@pytest.mark.parametrize(
    ("ahead", "level"), [(0.0, Level.OK), (-1.4, Level.OK), (30.0, Level.WARNING), (-3600.0, Level.WARNING)]
)
def test_the_clock(ahead: float, level: Level) -> None:
    now = 1_790_000_000.5
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
    finding = check_clock(Reply(200, {"date": date}, b"", 0.02, now + ahead))
    assert finding.level is level
    assert ("ahead of" in finding.text) is (ahead > 2)
    assert ("behind" in finding.text) is (ahead < -2)


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 06 Nov 99999999 08:49:37 GMT"])
def test_no_time_is_no_verdict(date: str) -> None:
    assert check_clock(Reply(200, {"date": date}, b"", 0.02, time.time())).level is Level.SKIPPED


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("group=market; min=600; sec=9", ("market", 9)),
        ("group=websocket; min=300; sec=0", ("websocket", 0)),
        ("group=\x1b[2J; sec=1", None),
        ("", None),
    ],
)
def test_what_is_left(header: str, expected: tuple[str, int] | None) -> None:
    assert left({"remaining-req": header}) == expected


def test_a_group_without_anything_left_is_named() -> None:
    assert limits({"market": 9, "order": 0}).level is Level.WARNING
    assert "order" in limits({"market": 9, "order": 0}).remedy


@pytest.mark.parametrize("is_well", [True, False])
def test_the_command_says_it_by_its_exit_status(exchange: Simulator, tmp_path: Path, is_well: bool) -> None:
    env = {
        "UPBIT_ACCESS_KEY": exchange.access_key,
        "UPBIT_SECRET_KEY": exchange.secret_key if is_well else "x" * 64,
        "WEBSOCKET_V6_RUNTIME_DIR": str(tmp_path / "meeting"),
    }
    done = CliRunner().invoke(app, ["doctor", "--json", "--url", exchange.url], env=env)
    assert done.exit_code == (0 if is_well else 1), done.output
    document = json.loads(done.stdout)
    assert document["ok"] is is_well
    assert {"name", "level", "text", "remedy"} == set(document["findings"][0])
    plain = CliRunner().invoke(app, ["doctor", "--url", exchange.url], env=env)
    assert plain.exit_code == done.exit_code
    assert ("All is well." in plain.stdout) is is_well
    assert ("do: look at UPBIT_ACCESS_KEY" in plain.stdout) is not is_well
    assert env["UPBIT_SECRET_KEY"] not in plain.stdout + done.stdout
    assert exchange.access_key not in plain.stdout + done.stdout
