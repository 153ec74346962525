"""The folders in which processes of one user meet, and whether one is the user's alone."""

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from websocket_v6.protocol.errors import ConfigError

__all__ = ["check_folder", "default_folder", "other_folders"]

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
    """Make the folder if it is not there, and make sure that it is the user's alone.

    Raises:
        ConfigError: if it cannot be made, or is not.
    """
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
