"""The folder where processes meet: whose it must be, who may become the host, what is left behind."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import ROOT, Program, wait_until
from websocket_v6 import ConfigError
from websocket_v6.actors.membership import rendezvous
from websocket_v6.actors.membership.rendezvous import Findings, HostEntry, Rendezvous, host_elsewhere
from websocket_v6.protocol.membership.host_entry import as_written

URL = "wss://api.example/websocket/v1"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files and owners as on POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runtime"


def new_entry(point: Rendezvous) -> HostEntry:
    """Return a host that nobody has been before."""
    return HostEntry(point.new_address(), b"key", os.getpid())


def test_the_folder_is_made_for_the_user_alone(folder: Path) -> None:
    Rendezvous(folder, URL)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_that_somebody_reads_is_changed_when_that_is_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which neither replaces nor removes it meanwhile."""
    reading = {"replace": 3, "unlink": 2}

    def as_there(name: str) -> None:
        change = getattr(Path, name)

        def refuse(path: Path, *args: Any, **options: Any) -> object:
            if path.suffix != ".lock" and reading[name]:
                reading[name] -= 1
                raise PermissionError(13, "it is being used by another process")
            return change(path, *args, **options)

        monkeypatch.setattr(Path, name, refuse)

    as_there("replace")
    as_there("unlink")
    monkeypatch.setattr(rendezvous, "_IS_WINDOWS", True)
    point = Rendezvous(folder, URL)
    assert point.try_lock()
    entry = new_entry(point)
    assert point.announce(entry)
    assert point.find_host() == entry
    point.withdraw(entry)
    assert point.find_host() is None
    assert reading == {"replace": 0, "unlink": 0}
    reading["replace"] = 1_000_000
    monkeypatch.setattr(rendezvous, "TURN", 0.02)
    with pytest.raises(PermissionError):
        point.announce(entry)
    point.unlock()


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
        point.new_address()


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
from websocket_v6.protocol.membership.host_entry import as_written
from websocket_v6.actors.membership.rendezvous import Rendezvous
point = Rendezvous(Path(sys.argv[1]), sys.argv[2])
print(point.try_lock(), flush=True)
threading.Event().wait(60)
"""


def test_a_killed_process_lets_go_of_the_lock(folder: Path) -> None:
    point = Rendezvous(folder, URL)
    command = [sys.executable, "-c", HOLDER, str(folder), URL]
    with Program(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
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
    entry = msgspec.structs.replace(new_entry(one), term=7)
    assert not one.announce(entry), "without the lock it is none"
    assert one.find_host() is None
    assert one.try_lock()
    assert one.announce(entry)
    assert other.find_host() == entry
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    other.withdraw(entry)
    assert other.find_host() == entry, "it is not the other's to say"
    one.withdraw(entry)
    assert other.find_host() is None
    one.unlock()
    assert list(folder.iterdir()) == []


def test_a_host_whose_lock_was_taken_away_writes_nothing(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.try_lock()
    old, new = new_entry(one), new_entry(other)
    assert one.announce(old)
    assert other.oust(old)
    assert not other.oust(old), "once is enough"
    assert not one.is_holder
    assert other.try_lock()
    assert other.announce(new)
    assert not one.announce(old)
    one.withdraw(old)
    one.withdraw(new)
    one.unlock()
    assert other.find_host() == new
    assert other.check(new.address) == Findings(True, new, False)
    assert not other.try_lock() or other.is_holder
    other.unlock()


def test_a_lock_is_taken_away_only_if_it_is_the_one_that_was_seen(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert other.holder() == 0
    assert one.try_lock()
    seen = other.holder()
    entry = new_entry(one)
    assert not other.oust_lock(seen, entry), "nobody is named"
    assert other.oust_lock(seen, None)
    assert not other.oust_lock(seen, None)
    assert other.try_lock()
    assert other.holder() != seen, "even where the number of the inode is the same"
    assert not one.oust_lock(seen, None)
    one.unlock()
    assert other.is_holder
    other.unlock()


def test_one_that_is_stopped_in_its_turn_is_not_waited_for_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendezvous, "TURN", 0.05)
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.try_lock()
    entry = new_entry(one)
    with other._turn():
        assert one.announce(entry)
    assert other.find_host() == entry
    one.unlock()


def test_one_that_lost_the_lock_as_it_wrote_takes_it_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    assert one.try_lock()
    write = one._write

    def stop_and_write(entry: HostEntry) -> None:
        assert other.oust_lock(other.holder(), None)
        assert other.try_lock()
        write(entry)

    monkeypatch.setattr(rendezvous, "TURN", 0.01)
    monkeypatch.setattr(one, "_write", stop_and_write)
    assert not one.announce(new_entry(one))
    assert other.find_host() is None
    assert other.announce(new_entry(other))
    one.unlock()
    other.unlock()


def test_turns_are_taken(folder: Path) -> None:
    """Many write at the same time, and each finds what it wrote until its turn is over."""
    points = [Rendezvous(folder, URL) for _ in range(4)]
    inside: list[int] = []
    most = 0

    def write(number: int) -> None:
        nonlocal most
        for _ in range(25):
            with points[number]._turn():
                inside.append(number)
                most = max(most, len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1


def test_a_folder_that_is_gone_is_no_trouble(folder: Path) -> None:
    one = Rendezvous(folder, URL)
    assert one.try_lock()
    entry = new_entry(one)
    assert one.announce(entry)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert one.check(entry.address) == Findings(False, None, False)
    assert not one.announce(entry)
    assert not one.oust(entry)
    one.withdraw(entry)
    one.unlock()
    assert one.try_lock(), "it is made anew"
    one.unlock()


def test_the_key_does_not_show(folder: Path) -> None:
    entry = new_entry(Rendezvous(folder, URL))
    assert repr(bytes(entry.key)) not in repr(entry)
    assert entry.key.hex() not in repr(entry)


def test_a_new_host_removes_what_a_killed_one_left(folder: Path) -> None:
    one, other = Rendezvous(folder, URL), Rendezvous(folder, URL)
    old = msgspec.structs.replace(new_entry(one), pid=os.getpid() + 1)
    new = new_entry(other)
    assert one.try_lock()
    assert one.announce(old)
    Path(old.address).touch()
    one.leave_lock()
    assert other.try_lock()
    assert other.announce(new)
    Path(new.address).touch()
    assert not Path(old.address).exists()
    other.withdraw(new)
    other.unlock()
    assert list(folder.iterdir()) == []


def test_a_host_that_passes_its_title_keeps_its_socket(folder: Path) -> None:
    one = Rendezvous(folder, URL)
    own, heir = new_entry(one), msgspec.structs.replace(new_entry(one), pid=os.getpid() + 1)
    assert one.try_lock()
    assert one.announce(own)
    Path(own.address).touch()
    assert one.announce(heir)
    assert Path(own.address).exists()
    one.sweep(own)
    one.withdraw(heir)
    one.unlock()


def test_old_sockets_of_nobody_are_swept(folder: Path) -> None:
    one = Rendezvous(folder, URL)
    new, dead, alive = (Path(one.new_address()) for _ in range(3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(alive))
        listener.listen(1)
        new.touch()
        dead.touch()
        for path in (dead, alive):
            os.utime(path, (1.0, 1.0))
        one.sweep_dead()
        assert (new.exists(), dead.exists(), alive.exists()) == (True, False, True)


def test_a_host_in_another_default_folder_is_named(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(rendezvous, "other_folders", lambda folder: (tmp_path / "none", elsewhere))
    assert host_elsewhere(folder, URL) == ""
    other = Rendezvous(elsewhere, URL)
    assert other.try_lock()
    entry = new_entry(other)
    assert other.announce(entry)
    assert host_elsewhere(folder, URL) == "", "it does not listen"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(entry.address)
        listener.listen(1)
        text = host_elsewhere(folder, URL)
        assert host_elsewhere(folder, URL + "/other") == ""
    assert str(elsewhere) in text
    assert f"process {entry.pid} serves" in text
    other.unlock()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:x"])
def test_a_port_where_nobody_listens_is_no_host(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(rendezvous, "other_folders", lambda folder: (tmp_path / "elsewhere",))
    other = Rendezvous(tmp_path / "elsewhere", URL)
    assert other.try_lock()
    assert other.announce(HostEntry(address, b"k", 1))
    assert host_elsewhere(folder, URL) == ""
    other.unlock()


KILLED = """
import os, signal, sys
from pathlib import Path
from websocket_v6.protocol.membership.host_entry import as_written
from websocket_v6.actors.membership.rendezvous import HostEntry, Rendezvous
point = Rendezvous(Path(sys.argv[1]), sys.argv[2])
point.try_lock()
entry = HostEntry(point.new_address(), b"key", os.getpid())
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
    gone = new_entry(locked)
    locked.announce(gone)
    entry = new_entry(between)
    with Listener(entry.address):
        assert between.try_lock()
        between.announce(entry)
        between.leave_lock()
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


DAMAGED = {
    "empty": b"",
    "no type": b"\xc1",
    "text": b"not msgpack",
    "much announced": b"\xdd\xff\xff\xff\xff",
    "text that is none": b"\x84\xa7address\xa3\xff\xfe\xfd\xa3key\xc4\x01k\xa3pid\x05\xa4term\x01",
    "nested": b"\x81\xa5other" + b"\x91" * 60_000,
    "long": b"\x84\xa7address\xa1/\xa3key\xc5\xff\xff" + b"k" * 65_535 + b"\xa3pid\x05\xa4term\x01",
    "no address": as_written(HostEntry("/a\0b", b"k", 5)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_broken_entry_is_no_host(folder: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    point = Rendezvous(folder, URL)
    assert point.try_lock()
    point.announce(new_entry(point))
    (path,) = folder.glob("*.host")
    path.write_bytes(content)
    for _ in range(3):
        assert point.find_host() is None
    assert caplog.text.count("is damaged") == 1, "said once"
    assert point.announce(new_entry(point)), "and written anew"
    assert point.find_host() is not None
    point.unlock()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_who_is_named_by_another_user_is_no_host(folder: Path) -> None:
    """Whoever could write there for a moment could have left one, and would be believed."""
    point = Rendezvous(folder, URL)
    assert point.try_lock()
    entry = new_entry(point)
    point.announce(entry)
    (path,) = folder.glob("*.host")
    assert point.find_host() == entry
    os.chown(path, 12345, 12345)
    assert point.find_host() is None
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert point.find_host() is None
    path.unlink()
    os.mkfifo(path)
    assert point.find_host() is None  # and nobody waits for who writes there
    path.unlink()
    point.unlock()


def test_a_folder_that_is_opened_later_is_noticed_by_who_looks(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    point = Rendezvous(folder, URL)
    folder.chmod(0o777)
    assert not point.check("").is_holder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "who could pose as the host" in caplog.text
