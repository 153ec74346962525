"""Where the processes of one user meet on one machine: a private folder with a lock, and who the host is.

For each exchange URL there are two files in the folder: `NAME.lock`, which at most one process has locked (the kernel
lets go of it when that process ends, however it ends), and `NAME.host`, which says where the host listens, holds the
key that its door asks for, and counts titles.

Only who holds the lock that the path leads to writes or removes `NAME.host`: a lock on a file that was removed since,
by whoever took the title away or tidied up, is none. What looks at the lock and then writes does so in its turn, under
a lock of the folder. One that was stopped in its turn is not waited for, so a file may come to name a host that is
none; then the host, which looks from time to time, writes its own name again.

Everything rests on the folder being the user's alone: who can read the key can be a guest.
"""

import contextlib
import hashlib
import logging
import os
import secrets
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.limits import HOST_FILE_BYTES
from websocket_v6.protocol.membership.host_entry import HostEntry, as_written, read_entry

from .folders import check_folder, default_folder, keep_private, other_folders

__all__ = ["Findings", "HostEntry", "Rendezvous", "default_folder", "host_elsewhere"]

logger = logging.getLogger(__name__)

# The kernel's bound on a socket's path is 108 bytes, with the zero at its end; 104 on other systems.
_LONGEST_ADDRESS = 103
TURN = 0.5  # seconds that one who writes is waited for; it takes microseconds unless it is stopped
TURN_LOOK = 0.005
PROBE = 0.2  # seconds for a port of this machine to answer
LEFT_BEHIND = 60.0  # seconds after which a socket where nobody listens is not one that is just being opened
_IS_WINDOWS = sys.platform == "win32"


class Findings(NamedTuple):
    """What `Rendezvous.check` found."""

    is_holder: bool  # of the lock that the path leads to
    entry: HostEntry | None  # who is named
    is_reachable: bool  # whether the address looked for leads anywhere


def host_elsewhere(folder: Path, url: str) -> str:
    """Return what to say of a host of `url` that listens in another default folder; empty if there is none."""
    for other in other_folders(folder):
        try:
            if other.lstat().st_uid != os.getuid():
                continue
        except (OSError, AttributeError):
            continue
        entry = _read(other / f"{_name_of(url)}.host")
        if entry is not None and _is_listening(entry):
            return (
                f"process {entry.pid} serves {url} too, but meets others in {other} and not in {folder}, since "
                "XDG_RUNTIME_DIR is not the same for both: set WEBSOCKET_V6_RUNTIME_DIR to one folder for all of them, "
                "and they share their connections"
            )
    return ""


class Rendezvous:
    """The files of one exchange URL in one folder. Belongs to one actor; only the lock is ever held open.

    Raises:
        ConfigError: if the folder cannot be made, or is not the user's alone.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._lock_fd: int | None = None
        self._use_name(_name_of(url))
        check_folder(folder)

    def _use_name(self, name: str) -> None:
        self._name = name
        self._lock_path = self._folder / f"{name}.lock"
        self._host_path = self._folder / f"{name}.host"

    # --- the lock

    def try_lock(self) -> bool:
        """Lock, if nobody else has; True if it is locked by this process now.

        Raises:
            ConfigError: if the folder is gone and cannot be made again.
            OSError: if the file cannot be opened.
        """
        while self._lock_fd is None:
            try:
                fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            except FileNotFoundError:
                check_folder(self._folder)
                continue
            if not _try_lock(fd):
                os.close(fd)
                return False
            if self._is_current(fd):
                self._lock_fd = fd
                _held.add(fd)
            else:  # whoever had it before removed the file in between
                os.close(fd)
        return True

    def holder(self) -> int:
        """Return what tells the lock that is there from one that is made in its place; 0 if there is none."""
        try:
            found = self._lock_path.stat()
        except OSError:
            return 0
        return hash((found.st_ino, found.st_ctime_ns)) or 1  # an inode's number alone is used again

    def unlock(self) -> None:
        """Let go of the lock, and leave no file of it; nothing if it is not held."""
        fd, self._lock_fd = self._lock_fd, None
        if fd is not None:
            _held.discard(fd)
            # Windows does not remove a file that is open; one that was ousted must not remove its successor's.
            with self._turn():
                if not _IS_WINDOWS and self._is_current(fd):
                    self._lock_path.unlink(missing_ok=True)
            os.close(fd)

    def leave_lock(self) -> None:
        """Let go of the lock, and leave its file to whoever comes for it."""
        fd, self._lock_fd = self._lock_fd, None
        if fd is not None:
            _held.discard(fd)
            os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._lock_path.stat())
        except OSError:
            return False

    @property
    def is_holder(self) -> bool:
        """Whether this process has the lock that the path leads to."""
        return self._lock_fd is not None and (_IS_WINDOWS or self._is_current(self._lock_fd))

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep others from looking and writing meanwhile."""
        if _IS_WINDOWS:  # there is no lock of a folder, and no file is taken away from who has it open
            yield
            return
        try:
            fd = os.open(self._folder, os.O_RDONLY)
        except OSError:  # it is gone, with all that was in it
            yield
            return
        try:
            deadline = time.monotonic() + TURN
            while not _try_lock(fd) and time.monotonic() < deadline:
                _pause.wait(TURN_LOOK)
            yield
        finally:
            os.close(fd)

    # --- the host

    def find_host(self) -> HostEntry | None:
        """Return who is said to be the host; it may be gone."""
        return _read(self._host_path) if keep_private(self._folder) else None

    def check(self, address: str) -> Findings:
        """Return how this process stands, which listens at `address`."""
        is_reachable = "/" not in address or Path(address).exists()
        return Findings(self.is_holder, self.find_host(), is_reachable)

    def new_address(self) -> str:
        """Return an address that nobody has had before; one of Windows becomes known when it is listened at.

        Raises:
            ConfigError: if the folder's name is too long for a socket.
        """
        if _IS_WINDOWS:
            return "127.0.0.1:0"
        address = str(self._folder / f"{self._name}-{secrets.token_hex(4)}.sock")
        if len(os.fsencode(address)) > _LONGEST_ADDRESS:
            surplus = len(os.fsencode(address)) - _LONGEST_ADDRESS
            raise ConfigError(
                f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {self._folder} is too long for a socket in it: give one "
                f"that is {surplus} bytes shorter"
            )
        return address

    def announce(self, entry: HostEntry) -> bool:
        """Say that the host is `entry` from now on; False if this process has not the lock, and nothing was said.

        What a host left behind that died is removed.

        Raises:
            OSError: if it cannot be written.
        """
        with self._turn():
            if not self.is_holder:
                return False
            before = self.find_host()
            self._write(entry)
            if not self.is_holder:  # this process was stopped in its turn, and the lock was taken away meanwhile
                _remove(self._host_path)
                return False
        if before is not None and before.address != entry.address and before.pid != os.getpid():
            self.sweep(before)
        return True

    def _write(self, entry: HostEntry) -> None:
        draft = self._host_path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(as_written(entry))
            _insist(lambda: draft.replace(self._host_path))
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def withdraw(self, entry: HostEntry) -> None:
        """Take back `announce`, unless another is the host by now."""
        with self._turn():
            if self.is_holder and self.find_host() == entry:
                _remove(self._host_path)
        self.sweep(entry)

    def oust(self, entry: HostEntry) -> bool:
        """Let another have title and lock although `entry`, which hangs, has them; False if it is the host no more."""
        with self._turn():
            if self.find_host() != entry:
                return False
            _remove(self._host_path)
            self._remove_lock()
        return True

    def oust_lock(self, holder: int, entry: HostEntry | None) -> bool:
        """Let another process have the lock that `holder` stands for, if it is the one still and `entry` is named."""
        with self._turn():
            if self.holder() != holder or self.find_host() != entry:
                return False
            self._remove_lock()
        return True

    def _remove_lock(self) -> None:
        if not _IS_WINDOWS:
            self._lock_path.unlink(missing_ok=True)

    # --- what was left behind

    def sweep(self, entry: HostEntry) -> None:
        """Remove the socket of a host that does not listen any more."""
        if not _IS_WINDOWS and Path(entry.address).parent == self._folder:
            with contextlib.suppress(OSError):
                Path(entry.address).unlink(missing_ok=True)

    def sweep_dead(self) -> None:
        """Remove what hosts of other URLs left here that were killed with nobody to follow them, and old sockets."""
        for name in {path.stem for path in self._folder.glob("*.lock")} - {self._name}:
            other = Rendezvous(self._folder, "")
            other._use_name(name)
            if other.try_lock():
                entry = other.find_host()
                # The lock of one that is just being handed over is free for a moment.
                if entry is None or not _is_listening(entry):
                    if entry is not None:
                        other.withdraw(entry)
                    other.unlock()
                else:
                    other.leave_lock()
        for path in self._folder.glob(f"{self._name}-*.sock"):
            with contextlib.suppress(OSError):
                is_old = time.time() - path.stat().st_mtime > LEFT_BEHIND
                if is_old and not _is_listening(HostEntry(str(path), b"", 0)):
                    path.unlink(missing_ok=True)


def _name_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def _read(path: Path) -> HostEntry | None:
    """Return who a file of the user's own names; whoever else left one there is no host."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or (not _IS_WINDOWS and found.st_uid != os.getuid()):
            return None
        data = os.read(fd, HOST_FILE_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    entry = read_entry(data)
    if entry is not None:
        _damaged.discard(path)
    elif path not in _damaged:
        _damaged.add(path)
        logger.warning("%s is damaged: it is taken as if it were not there", path)
    return entry


def _remove(path: Path) -> None:
    """Remove a file, if it is there."""
    _insist(lambda: path.unlink(missing_ok=True))


def _insist(change: Callable[[], object]) -> None:
    """Make a change to a file that somebody may be reading, which Windows refuses for as long as that takes."""
    deadline = time.monotonic() + TURN
    while True:
        try:
            change()
            return
        except PermissionError:
            if not _IS_WINDOWS or time.monotonic() > deadline:
                raise
        _pause.wait(TURN_LOOK)


def _is_listening(entry: HostEntry) -> bool:
    is_path = "/" in entry.address
    with socket.socket(socket.AF_UNIX if is_path else socket.AF_INET) as probe:
        try:
            if is_path:
                probe.setblocking(False)
                probe.connect(entry.address)
            else:
                host, _, port = entry.address.rpartition(":")
                probe.settimeout(PROBE)
                probe.connect((host, int(port)))
        except BlockingIOError:  # it has more to answer than fits
            return True
        except (OSError, ValueError, OverflowError):
            return False
    return True


_damaged: set[Path] = set()  # files of which that was told
_pause = threading.Event()  # that never comes: only its deadline does

# Descriptors of locks that this process holds. A forked child closes its copies: the lock lives as long as any of them.
_held: set[int] = set()


def _let_go_in_child() -> None:
    for fd in _held:
        with contextlib.suppress(OSError):
            os.close(fd)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            # Not lockf: its locks are the process's, and two engines of one process would both have it.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
