"""Zstandard, from the standard library where that has it (Python 3.14), else the same interface as an extra.

For recordings, a frame of many pieces, and for a fleet's log, a frame for each entry.
"""

import importlib
import sys
from typing import Any, Final

from websocket_v6.protocol.errors import ConfigError

__all__ = ["FAST", "SMALL", "Compressor", "Decompressor", "check_zstd", "inflate"]

FAST: Final = 1
SMALL: Final = 6

_NAME: Final = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


def _library() -> Any:
    try:
        return importlib.import_module(_NAME)
    except ImportError:
        raise ConfigError(f"there is no Zstandard here: pip install {_NAME}") from None


class Compressor:
    """Makes frames of one piece or more; each piece can be read without the next, but not without those before it.

    Raises:
        ConfigError: if there is no Zstandard.
    """

    def __init__(self, level: int) -> None:
        zstd = _library()
        self._zstd = zstd.ZstdCompressor(
            options={
                zstd.CompressionParameter.compression_level: level,
                zstd.CompressionParameter.checksum_flag: 0,  # each chunk has its own, and a socket TCP's
            }
        )

    def piece(self, data: bytes, *, is_last: bool) -> bytes:
        """Return `data` compressed, to the last byte; after the last piece a new frame begins."""
        mode = self._zstd.FLUSH_FRAME if is_last else self._zstd.FLUSH_BLOCK
        compressed: bytes = self._zstd.compress(data, mode)
        return compressed


class Decompressor:
    """Reads one frame, piece by piece.

    Raises:
        ConfigError: if there is no Zstandard.
    """

    def __init__(self) -> None:
        zstd = _library()
        self._zstd = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})
        self._error: type[Exception] = zstd.ZstdError

    def piece(self, data: bytes, most: int) -> bytes:
        """Return what a piece holds.

        Raises:
            ValueError: if it is no such piece, or holds more than `most` bytes.
        """
        try:
            raw: bytes = self._zstd.decompress(data, max_length=most + 1)
        except (self._error, EOFError) as exc:
            raise ValueError(f"cannot be decompressed: {exc}") from None
        if len(raw) > most:
            raise ValueError(f"holds more than {most} bytes")
        return raw


def inflate(data: bytes, most: int) -> bytes:
    """Return what a single whole frame holds.

    Raises:
        ConfigError: if there is no Zstandard.
        ValueError: if it is no such frame, or holds more than `most` bytes.
    """
    zstd = _library()
    # The window is what a decompressor keeps of what it has read: no more than there is to be.
    window = {zstd.DecompressionParameter.window_log_max: max(10, most.bit_length())}
    decompressor = zstd.ZstdDecompressor(options=window)
    try:
        raw: bytes = decompressor.decompress(data, max_length=most + 1)
    except zstd.ZstdError as exc:
        raise ValueError(f"cannot be decompressed: {exc}") from None
    if len(raw) > most:
        raise ValueError(f"holds more than {most} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("cannot be decompressed: that is no single whole frame")
    return raw


def check_zstd(what: str, extra: str) -> None:
    """Make sure that there is Zstandard, for `what` ("a recording is").

    Raises:
        ConfigError: if not; it says how to get it.
    """
    try:
        _library()
    except ConfigError:
        raise ConfigError(f"{what} compressed with Zstandard: pip install 'websocket-v6[{extra}]'") from None
