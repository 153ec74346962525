"""The folder where processes meet: whose it must be, who may become the host, what is left behind."""

import os
import signal
import stat
import subprocess
import sys
from multiprocessing.connection import Listener
from pathlib import Path

import pytest

from tests.conftest import ROOT, wait_until
from websocket_v6 import ConfigError
from websocket_v6.actors.membership.rendezvous import Rendezvous, default_folder

URL = "wss://api.example/websocket/v1"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files and owners as on POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runtime"


def test_the_folder_is_made_for_the_user_alone(folder: Path) -> None:
    Rendezvous(folder, URL)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_open_to_others_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o750)
    with pytest.raises(ConfigError, match=r"open to others \(mode 750\).*WEBSOCKET_V6|WEBSOCKET_V6.*open to others"):
        Rendezvous(folder, URL)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        Rendezvous(folder, URL)


def test_a_link_to_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        Rendezvous(folder, URL)


def test_a_file_in_its_place_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used|no folder"):
        Rendezvous(folder, URL)


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    point = Rendezvous(tmp_path / ("x" * 100), URL)
    with pytest.raises(ConfigError, match="bytes shorter"):
        point.new_entry()


def test_the_default_folder_is_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "websocket_v6"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert default_folder().name == f"websocket_v6-{os.getuid()}"


def test_one_of_two_has_the_lock(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    elsewhere = Rendezvous(folder, URL + "/other")
    assert one.try_lock()
    assert one.try_lock(), "asking again is no harm"
    assert not other.try_lock()
    assert elsewhere.try_lock(), "another exchange is another matter"
    one.unlock()
    assert other.try_lock()
    assert not one.try_lock()
    other.unlock()
    elsewhere.unlock()
    assert list(folder.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_is_no_lock(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.try_lock()
    (path,) = folder.iterdir()
    path.unlink()
    assert other.try_lock(), "on a new file"
    one.unlock()
    other.unlock()


HOLDER = """
import sys, threading
from pathlib import Path
from websocket_v6.actors.membership.rendezvous import Rendezvous
point = Rendezvous(Path(sys.argv[1]), sys.argv[2])
print(point.try_lock(), flush=True)
threading.Event().wait(60)
"""


def test_a_killed_process_lets_go_of_the_lock(folder: Path) -> None:
    point = Rendezvous(folder, URL)
    command = [sys.executable, "-c", HOLDER, str(folder), URL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not point.try_lock()
        holder.send_signal(signal.SIGKILL)
        wait_until(point.try_lock, "the lock")
    point.unlock()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lock(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.try_lock()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)  # until the parent closes its end
        os._exit(0)
    os.close(reader)
    try:
        one.unlock()
        assert other.try_lock(), "while the child lives"
    finally:
        os.close(writer)
        os.waitpid(pid, 0)
        other.unlock()


def test_a_host_is_announced_and_withdrawn(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.find_host() is None
    entry = one.new_entry()
    one.announce(entry)
    assert other.find_host() == entry
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    assert repr(entry.key) not in repr(entry)
    assert entry.key.hex() not in repr(entry)
    one.withdraw(entry)
    assert other.find_host() is None
    assert list(folder.iterdir()) == []


def test_a_new_host_removes_what_a_killed_one_left(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    old, new = one.new_entry(), other.new_entry()
    one.announce(old)
    Path(old.address).touch()
    other.announce(new)
    assert Path(old.address).exists(), "it may be alive: nobody has its lock"
    one.announce(old)
    assert other.try_lock()
    other.announce(new)
    Path(new.address).touch()
    assert not Path(old.address).exists()
    one.withdraw(old)
    assert other.find_host() == new, "only the present host withdraws itself"
    other.withdraw(new)
    other.unlock()
    assert list(folder.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from websocket_v6.actors.membership.rendezvous import Rendezvous
point = Rendezvous(Path(sys.argv[1]), sys.argv[2])
point.try_lock()
entry = point.new_entry()
Path(entry.address).touch()
point.announce(entry)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_host_of_another_exchange_left_is_swept(folder: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(folder), "wss://another.example"]
    assert subprocess.run(command, cwd=ROOT, timeout=20).returncode == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 3
    point = Rendezvous(folder, URL)
    assert point.try_lock()
    point.sweep_dead()
    point.unlock()
    assert list(folder.iterdir()) == []


def test_a_host_of_another_exchange_that_lives_is_not_swept(folder: Path) -> None:
    point, locked, between = (Rendezvous(folder, URL + end) for end in ("", "/locked", "/handed over"))
    assert locked.try_lock()
    gone = locked.new_entry()
    locked.announce(gone)
    entry = between.new_entry()
    with Listener(entry.address):
        between.announce(entry)
        lock = folder / f"{between._name}.lock"
        lock.touch()
        point.sweep_dead()
        assert between.find_host() == entry
        assert locked.find_host() == gone
        assert lock.exists()
        assert between.try_lock()
    locked.withdraw(gone)
    locked.unlock()
    between.unlock()


@pytest.mark.parametrize("content", [b"", b"\xc1", b"not msgpack", b"\xdd\xff\xff\xff\xff"])
def test_a_broken_entry_is_no_host(folder: Path, content: bytes) -> None:
    point = Rendezvous(folder, URL)
    point.announce(point.new_entry())
    (path,) = folder.iterdir()
    path.write_bytes(content)
    assert point.find_host() is None
