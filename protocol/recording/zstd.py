"""Zstandard, from the standard library where that has it (Python 3.14), else the same interface as an extra."""

import importlib
import sys
from typing import Any, Final

from websocket_v6.protocol.errors import ConfigError

__all__ = ["FAST", "SMALL", "Compressor", "Decompressor", "check_zstd"]

FAST: Final = 1
SMALL: Final = 6

_NAME: Final = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


def _library() -> Any:
    try:
        return importlib.import_module(_NAME)
    except ImportError:
        raise ConfigError("recordings are compressed with Zstandard: pip install 'websocket-v6[record]'") from None


class Compressor:
    """Makes one frame in several pieces, each of which can be read without the next.

    Raises:
        ConfigError: if there is no Zstandard.
    """

    def __init__(self, level: int) -> None:
        zstd = _library()
        self._zstd = zstd.ZstdCompressor(
            options={
                zstd.CompressionParameter.compression_level: level,
                zstd.CompressionParameter.checksum_flag: 0,  # each chunk has a checksum of its own
            }
        )

    def piece(self, data: bytes, *, is_last: bool) -> bytes:
        """Return `data` compressed, to the last byte."""
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


def check_zstd() -> None:
    """Make sure that there is Zstandard.

    Raises:
        ConfigError: if not; it says how to get it.
    """
    _library()
