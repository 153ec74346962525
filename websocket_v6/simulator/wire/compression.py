"""permessage-deflate as the exchange may grant it, with small messages left plain if so wished.

Source: RFC 7692; Upbit WebSocket reference, "Compression"; websockets documentation, `ServerPerMessageDeflateFactory`.
"""

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

from ..answers import Answers

__all__ = ["DeflateFactory"]


class _Deflate(PerMessageDeflate):
    """Compresses messages from a size on; shorter ones go as they are, as RFC 7692 (6) allows."""

    compress_from = 0

    def encode(self, frame: Frame) -> Frame:
        return frame if len(frame.data) < self.compress_from else super().encode(frame)


class DeflateFactory(ServerPerMessageDeflateFactory):
    """Grants what a client offers, with the parameters the switches ask for."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(
            server_no_context_takeover=answers.server_no_context_takeover,
            client_no_context_takeover=answers.client_no_context_takeover,
            server_max_window_bits=answers.server_max_window_bits,
            client_max_window_bits=answers.client_max_window_bits,
        )
        self._compress_from = answers.compress_from
        self._level = answers.compress_level

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        granted, agreed = super().process_request_params(params, accepted_extensions)
        extension = _Deflate(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            {**(agreed.compress_settings or {}), "level": self._level},
        )
        extension.compress_from = self._compress_from
        return granted, extension
