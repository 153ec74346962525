"""Where the processes of one user meet on one machine: a private folder with a lock, and who the host is.

For each exchange URL there are two files in the folder: `NAME.lock`, which at most one process has locked (the kernel
lets go of it when that process ends, however it ends), and `NAME.host`, which says where the host listens and holds the
key that its pipe asks for. The host is whoever listens there; the lock only settles who may become it.

Everything rests on the folder being the user's alone: who can read the key can be a guest.
"""

import contextlib
import hashlib
import os
import secrets
import socket
import stat
import sys
import tempfile
from pathlib import Path

import msgspec

from websocket_v6.protocol.errors import ConfigError

__all__ = ["HostEntry", "Rendezvous", "default_folder"]

KEY_BYTES = 32
# The kernel's bound on a socket's path is 108 bytes, with the zero at its end; 104 on other systems.
_LONGEST_ADDRESS = 103
_IS_WINDOWS = sys.platform == "win32"


class HostEntry(msgspec.Struct, frozen=True):
    """Where a host listens, and the key that its pipe asks for."""

    address: str
    key: bytes
    pid: int

    def __repr__(self) -> str:
        return f"HostEntry({self.address!r}, pid={self.pid})"


def default_folder() -> Path:
    """Return the folder that is used unless the configuration names one: the session's, else one of the user's own."""
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session and Path(session).is_dir():
        return Path(session) / "websocket_v6"
    user = os.environ.get("USERNAME", "user") if _IS_WINDOWS else str(os.getuid())
    return Path(tempfile.gettempdir()) / f"websocket_v6-{user}"


class Rendezvous:
    """The files of one exchange URL in one folder. Belongs to one actor; only `locked` is ever held open.

    Raises:
        ConfigError: if the folder cannot be made, or is not the user's alone.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._lock_fd: int | None = None
        self._use_name(hashlib.sha256(url.encode()).hexdigest()[:12])
        _check_folder(folder)

    def _use_name(self, name: str) -> None:
        self._name = name
        self._lock_path = self._folder / f"{name}.lock"
        self._host_path = self._folder / f"{name}.host"

    # --- the lock

    def try_lock(self) -> bool:
        """Lock, if nobody else has; True if it is locked by this process now.

        Raises:
            ConfigError: if the folder is gone and cannot be made again.
        """
        while self._lock_fd is None:
            try:
                fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            except FileNotFoundError:
                _check_folder(self._folder)
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

    def unlock(self) -> None:
        """Let go of the lock, and leave no file of it; nothing if it is not held."""
        fd, self._lock_fd = self._lock_fd, None
        if fd is not None:
            _held.discard(fd)
            # Windows does not remove a file that is open; one that was ousted must not remove its successor's.
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
        except FileNotFoundError:
            return False

    def is_sound(self, entry: HostEntry) -> bool:
        """Whether everything is there by which others find the host `entry`, which has the lock.

        Whatever tidies up temporary folders may have taken it away.
        """
        is_there = _IS_WINDOWS or (Path(entry.address).exists() and self._lock_path.exists())
        has_lock = self._lock_fd is not None and (_IS_WINDOWS or self._is_current(self._lock_fd))
        return is_there and has_lock and self.find_host() == entry

    # --- the host

    def find_host(self) -> HostEntry | None:
        """Return who is said to be the host; it may be gone."""
        try:
            return msgspec.msgpack.decode(self._host_path.read_bytes(), type=HostEntry)
        except (OSError, msgspec.MsgspecError):
            return None

    def new_entry(self) -> HostEntry:
        """Return an address and a key that nobody has had before.

        Raises:
            ConfigError: if the folder's name is too long for a socket.
        """
        unique = secrets.token_hex(4)
        if _IS_WINDOWS:
            address = rf"\\.\pipe\websocket_v6-{self._name}-{unique}"
        else:
            address = str(self._folder / f"{self._name}-{unique}.sock")
            if len(os.fsencode(address)) > _LONGEST_ADDRESS:
                surplus = len(os.fsencode(address)) - _LONGEST_ADDRESS
                raise ConfigError(
                    f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {self._folder} is too long for a socket in it: give one "
                    f"that is {surplus} bytes shorter"
                )
        return HostEntry(address, secrets.token_bytes(KEY_BYTES), os.getpid())

    def announce(self, entry: HostEntry) -> None:
        """Say that the host is `entry` from now on, and remove what a host left behind that died."""
        before = self.find_host()
        draft = self._host_path.with_suffix(f".{secrets.token_hex(4)}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.write(msgspec.msgpack.encode(entry))
        draft.replace(self._host_path)
        # Without the lock the host before is alive and still listens there; it tidies up after itself.
        if before is not None and before.address != entry.address and self._lock_fd is not None:
            self.sweep(before)

    def sweep_dead(self) -> None:
        """Remove what hosts of other URLs left here that were killed with nobody to follow them."""
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

    def withdraw(self, entry: HostEntry) -> None:
        """Take back `announce`, unless another host has been announced since."""
        if self.find_host() == entry:
            self._host_path.unlink(missing_ok=True)
        self.sweep(entry)

    def oust(self, entry: HostEntry) -> None:
        """Let another process have the lock although `entry`, which hangs, has it; unless it is the host no more."""
        fd = os.open(self._folder, os.O_RDONLY)
        try:
            # Several may be about to do the same: the second finds another host, or nothing left to do.
            if _try_lock(fd) and self.find_host() == entry:
                self._host_path.unlink(missing_ok=True)
                self._lock_path.unlink(missing_ok=True)
        finally:
            os.close(fd)

    def sweep(self, entry: HostEntry) -> None:
        """Remove the socket of a host that does not listen any more."""
        if not _IS_WINDOWS and Path(entry.address).parent == self._folder:
            with contextlib.suppress(OSError):
                Path(entry.address).unlink(missing_ok=True)


def _is_listening(entry: HostEntry) -> bool:
    if _IS_WINDOWS:
        return Path(entry.address).exists()
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(entry.address) == 0


def _check_folder(folder: Path) -> None:
    """Make the folder if it is not there, and make sure that it is the user's alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as exc:
        raise ConfigError(
            f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {folder} cannot be used: {exc.strerror or exc}; give a folder of "
            "your own, or use mode embedded"
        ) from exc
    if _IS_WINDOWS:
        return  # the profile's temporary folder is the user's own there
    problem = None
    if not stat.S_ISDIR(found.st_mode):
        problem = "is a link or no folder"
    elif found.st_uid != os.getuid():
        problem = "belongs to another user"
    elif found.st_mode & 0o077:
        problem = f"is open to others (mode {stat.S_IMODE(found.st_mode):o})"
    if problem:
        raise ConfigError(
            f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {folder} {problem}: whoever can write there can pose as the host; "
            "give a folder of your own with mode 700, or use mode embedded"
        )


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
