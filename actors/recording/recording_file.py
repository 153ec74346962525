"""The file that a recording is written to: a new one, nobody else's to read, never through a link."""

import errno
import os
import time
from pathlib import Path
from typing import Final

__all__ = ["RecordingFile"]

SYNC_PERIOD: Final = 5.0  # seconds: what a power cut loses at most; the end of a process alone loses nothing written


class RecordingFile:
    """One new file.

    Raises:
        OSError: if it is there already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor: int | None = os.open(path, flags, 0o600)
        self._synced_at = time.monotonic()
        self._is_synced = True

    def write(self, data: bytes) -> None:
        """Write all of it, in one go unless the disk is full.

        Raises:
            OSError: if it cannot be written.
        """
        if not data or self._descriptor is None:
            return
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._is_synced = False
        if time.monotonic() - self._synced_at >= SYNC_PERIOD:
            self._sync()

    def close(self) -> None:
        """Have it on the disk, and let go of it; idempotent.

        Raises:
            OSError: if that fails.
        """
        descriptor = self._descriptor
        if descriptor is None:
            return
        try:
            self._sync()
        finally:
            self._descriptor = None
            os.close(descriptor)

    def _sync(self) -> None:
        if self._descriptor is not None and not self._is_synced:
            if os.fstat(self._descriptor).st_nlink == 0 and not os.path.lexists(self.path):
                # What is written goes nowhere, although the system takes it.
                raise FileNotFoundError(errno.ENOENT, "the file, or its folder, was deleted", str(self.path))
            getattr(os, "fdatasync", os.fsync)(self._descriptor)
            self._synced_at, self._is_synced = time.monotonic(), True
