"""`serve` is told to end: it hands over and exits with 0, and at a second signal at once; as process 1 as well.

Each test runs the real command in a process of its own.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.serving import PATIENCE, serving
from tests.conftest import ROOT, wait_until
from websocket_v6 import Config, WebSocketClientProxy
from websocket_v6.simulator import Simulator
from websocket_v6.termination import Signals, Terminated

PROMPT = 3.0  # seconds from the signal to the end; a container's runtime waits for ten
INTERRUPTED = 130


@pytest.fixture
def exchange() -> Iterator[Simulator]:
    with Simulator(["KRW-BTC"]) as sim:
        yield sim


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def busy(seconds: float) -> bool:
    """Whether this machine does so much else that time says nothing."""
    return os.getloadavg()[0] > 3 * (os.cpu_count() or 1) and seconds < 4 * PROMPT


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, INTERRUPTED)], ids=str
)
def test_a_signal_ends_it_promptly(exchange: Simulator, folder: Path, number: signal.Signals, code: int) -> None:
    with serving(exchange.url, folder) as host:
        assert host.line()["role"] == "host"
        host.signal(number)
        found, took = host.wait()
        assert found == code
        assert took < PROMPT or busy(took)
    assert host.errors == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_guest_goes_on_without_a_gap(exchange: Simulator, folder: Path, number: signal.Signals) -> None:
    found: list[tuple[int, int]] = []
    with serving(exchange.url, folder) as host:
        host.line()
        config = Config(url=exchange.url, runtime_dir=folder)
        with WebSocketClientProxy("guest", config=config) as proxy:
            proxy.subscribe_trade(
                ["KRW-BTC"], lambda event: found.append((event.sequential_id, event.epoch)), snapshot=False
            )
            exchange.wait_served({"trade KRW-BTC"})
            assert proxy.health().role == "guest"
            stop = threading.Event()
            sent: list[int] = []

            def trade() -> None:
                while not stop.wait(0.002):
                    exchange.trade("KRW-BTC")
                    sent.append(1)

            trader = threading.Thread(target=trade)
            trader.start()
            try:
                wait_until(lambda: len(found) > 100, "trades")
                host.signal(number)
                code, took = host.wait()
                before = len(sent)
                wait_until(lambda: len(sent) > before + 200, "trades after the end of the host")
            finally:
                stop.set()
                trader.join()
            assert code == (0 if number == signal.SIGTERM else INTERRUPTED)
            assert took < PROMPT or busy(took)
            wait_until(lambda: len(found) >= len(sent), "the last trade")
            assert proxy.health().role == "host"
    assert [one for one, _ in found] == sorted({one for one, _ in found})
    assert len(found) == len(sent)
    assert {epoch for _, epoch in found} == {1}, "no gap was told, for there was none"


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_second_signal_ends_it_at_once(exchange: Simulator, folder: Path, second: signal.Signals) -> None:
    with serving(exchange.url, folder) as host:
        assert host.line()["role"] == "host"
        config = Config(url=exchange.url, runtime_dir=folder, mode="attach")
        with stopped_guest(config) as guest:
            host.signal(signal.SIGTERM)  # waits for the guest to take over, which it cannot
            with pytest.raises(subprocess.TimeoutExpired):
                host.popen.wait(0.5)
            host.signal(second)
            code, took = host.wait()
            # A process that stood still all that time hears both now, SIGINT, whose number is lower, first.
            assert code in (128 + second, 128 + signal.SIGTERM)
            assert took < 1 or busy(took)
            guest.send_signal(signal.SIGCONT)


def test_a_terminal_that_ends_is_one_signal(exchange: Simulator, folder: Path) -> None:
    with serving(exchange.url, folder) as host:
        host.line()
        host.signal(signal.SIGHUP)
        host.signal(signal.SIGHUP)
        assert host.wait()[0] == 0


def test_the_first_process_of_a_container_ends_as_well(exchange: Simulator) -> None:
    """To a process with the number 1 the system delivers no signal that it has no handler for."""
    program = (
        "import os, sys; print(os.getpid(), flush=True); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    unshare = ["unshare", "--fork", "--pid", "--kill-child"]
    try:
        able = subprocess.run([*unshare, "true"], capture_output=True, timeout=PATIENCE, check=False).returncode == 0
    except OSError:
        able = False
    if not able:
        pytest.skip("namespaces of processes cannot be made here (util-linux, and root)")
    command = [*unshare, sys.executable, "-c", program, "-m", "websocket_v6", "serve", "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WEBSOCKET_V6_URL": exchange.url, "WEBSOCKET_V6_MODE": "embedded"}
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=env) as outer:
        assert outer.stdout is not None
        try:
            assert outer.stdout.readline() == "1\n"
            assert '"door"' in outer.stdout.readline()
            (inner,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
            os.kill(int(inner), signal.SIGTERM)
            assert outer.wait(PATIENCE) == 0
        finally:
            outer.kill()


def test_what_was_ignored_stays_so(exchange: Simulator, folder: Path) -> None:
    """As nohup has it, and a shell for what it runs in the background."""

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with serving(exchange.url, folder, preexec_fn=ignore) as host:
        host.line()
        host.signal(signal.SIGHUP)
        host.signal(signal.SIGINT)
        host.line()
        host.signal(signal.SIGTERM)
        assert host.wait()[0] == 0


# The handler alone.


def test_nothing_is_raised_once_the_end_has_begun() -> None:
    with Signals() as signals:
        signals.look()
        signals.end()
        signal.raise_signal(signal.SIGTERM)


def test_what_was_swallowed_is_raised_at_the_next_look() -> None:
    with Signals() as signals:
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            signals.look()


def test_afterwards_the_handlers_are_those_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_terminals_end_may_be_told_again_afterwards() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with Signals(), pytest.raises(Terminated):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_there_are_no_handlers() -> None:
    found: list[object] = []

    def look() -> None:
        with Signals() as signals:
            found.append(signal.getsignal(signal.SIGTERM))
            signals.look()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


class stopped_guest:  # noqa: N801 - used as a function is
    """A guest in a process of its own, which stands still."""

    PROGRAM = (
        "import sys, pathlib\n"
        "from websocket_v6 import Config, WebSocketClientProxy\n"
        "config = Config(url=sys.argv[1], runtime_dir=pathlib.Path(sys.argv[2]), mode='attach')\n"
        "proxy = WebSocketClientProxy('guest', config=config)\n"
        "proxy.subscribe_trade(['KRW-BTC'], print)\n"
        "print(proxy.health().role, flush=True)\n"
        "sys.stdin.read()\n"
        "proxy.cleanup()\n"
    )

    def __init__(self, config: Config) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, config.url, str(config.runtime_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def __enter__(self) -> "subprocess.Popen[str]":
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == "guest\n"
        self.popen.send_signal(signal.SIGSTOP)
        return self.popen

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate(timeout=PATIENCE)
