"""The folders in which processes of one user meet, and whether one is the user's alone."""

import contextlib
import logging
import os
import stat
import sys
from pathlib import Path

from websocket_v6.protocol.errors import ConfigError

__all__ = ["check_folder", "default_folder", "keep_private", "other_folders"]

logger = logging.getLogger(__name__)

_OTHERS = 0o077
_IS_WINDOWS = sys.platform == "win32"


def default_folder() -> Path:
    """Return the folder that is used unless the configuration names one: the session's, else one of the user's own.

    Raises:
        ConfigError: if there is no folder at all where anything may be written.
    """
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session and Path(session).is_dir():
        return Path(session) / "websocket_v6"
    return _folder_without_session()


def _folder_without_session() -> Path:
    user = os.environ.get("USERNAME", "user") if _IS_WINDOWS else str(os.getuid())
    try:
        import tempfile  # late: only where there is no better folder

        return Path(tempfile.gettempdir()) / f"websocket_v6-{user}"
    except OSError as exc:
        raise ConfigError(
            "there is no folder for temporary files that may be written in: give the processes one to meet in, with "
            "WEBSOCKET_V6_RUNTIME_DIR or XDG_RUNTIME_DIR, or say WEBSOCKET_V6_MODE=embedded if they need not meet"
        ) from exc


def other_folders(folder: Path) -> tuple[Path, ...]:
    """Return the folders that processes of this user meet in by default if their environment is another.

    A login has a session and with it XDG_RUNTIME_DIR; what cron or a service starts may have none.
    """
    known = []
    with contextlib.suppress(ConfigError):
        known.append(_folder_without_session())
    if not _IS_WINDOWS:
        known.append(Path(f"/run/user/{os.getuid()}/websocket_v6"))
    return tuple(one for one in known if one != folder)


def check_folder(folder: Path) -> None:
    """Make the folder if it is not there, and make sure that it is the user's alone, and that nobody can swap it.

    Raises:
        ConfigError: if it cannot be made, or is not.
    """
    try:
        _make(folder)
        found = folder.lstat()
        problem = "" if _IS_WINDOWS else _problem(found) or _problem_above(folder)
    except (OSError, RuntimeError) as exc:  # RuntimeError: a circle of links
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(
            f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {folder} cannot be used: {reason}; give a folder of "
            "your own, or use mode embedded"
        ) from exc
    if problem:
        raise ConfigError(
            f"runtime_dir (WEBSOCKET_V6_RUNTIME_DIR) {folder} {problem}: whoever can write there can pose as the host; "
            "give a folder of your own with mode 700, or use mode embedded"
        )


def keep_private(folder: Path) -> bool:
    """See whether a folder that was checked is the user's alone still; one that was opened to others is closed again.

    On Windows the profile's temporary folder is the user's own.
    """
    if _IS_WINDOWS:
        return True
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        if found.st_mode & _OTHERS:
            folder.chmod(0o700)
            mode = stat.S_IMODE(found.st_mode)
            logger.warning(
                "%s was open to others (mode %o), who could pose as the host: it is closed again", folder, mode
            )
    except OSError:
        return False
    return True


def _make(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)  # also those on the way, whatever the umask says
    if not missing:
        folder.mkdir(mode=0o700, exist_ok=True)  # fails if it is a file


def _problem(found: os.stat_result) -> str:
    if not stat.S_ISDIR(found.st_mode):
        return "is a link or no folder"
    if found.st_uid != os.getuid():
        return "belongs to another user"
    return f"is open to others (mode {stat.S_IMODE(found.st_mode):o})" if found.st_mode & _OTHERS else ""


def _problem_above(folder: Path) -> str:
    """Say who could put another folder in this one's place: who owns, or can write in, one of those above it.

    Where all can write, as in /tmp, the sticky bit keeps each from what is another's.
    """
    trusted = {0, os.getuid(), *_unmapped_root()}
    for parent in [*folder.parents, *folder.resolve().parents]:
        found = parent.lstat()
        if found.st_uid not in trusted:
            return f"is below {parent}, which belongs to another user"
        if stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX:
            continue
        # Many systems give each user a group, and make folders that it can write in.
        writers = stat.S_IWOTH if found.st_gid in (os.getegid(), 0) else stat.S_IWOTH | stat.S_IWGRP
        if found.st_mode & writers:
            return f"is below {parent}, where others can write (mode {stat.S_IMODE(found.st_mode):o})"
    return ""


def _unmapped_root() -> set[int]:
    """Return who owns what is root's, in a sandbox that has no root: the system calls it so."""
    try:
        mapped = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
        if any(int(first) == 0 for first, *_ in mapped):
            return set()
        return {int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))}
    except (OSError, ValueError):
        return set()
