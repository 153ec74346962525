"""permessage-deflate, a server's side: which of a client's offers is taken.

    agree(header: str | None) -> ServerAgreement | None

`header` is the request's Sec-WebSocket-Extensions, several lines of it joined by commas. Neither side keeps a window:
what `deflate.compress` makes of a message once serves every client with the same window bits, and an idle one costs no
memory.

Source: RFC 7692, sections 5.1 and 7.1.
"""

import zlib
from typing import NamedTuple

from .deflate import LEAST_WINDOW_BITS, Inflater
from .extensions import FLAGS, WINDOW_BITS, Extension, parse_extensions
from .server_handshake import BadRequest

__all__ = ["ServerAgreement", "agree"]

_ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class ServerAgreement(NamedTuple):
    """What the answer says, and what follows from it."""

    response: str  # Sec-WebSocket-Extensions
    inflater: Inflater
    window_bits: int  # for `compress`


def agree(header: str | None) -> ServerAgreement | None:
    """Return the agreement on the first offer that can be met, `None` if there is none.

    Raises:
        BadRequest: 400 if `header` is no list of extensions.
    """
    if header is None:
        return None
    offers = parse_extensions(header)
    if offers is None:
        # Not a matter of taste: RFC 6455, 9.1 has the connection failed.
        raise BadRequest(400, "Sec-WebSocket-Extensions is malformed")
    for offer in offers:
        if (parameters := _readable(offer)) is None:
            continue
        asked = parameters.get("server_max_window_bits")
        bits = int(asked or zlib.MAX_WBITS)
        if bits >= LEAST_WINDOW_BITS:
            # An answer may ask for client_no_context_takeover though no offer named it (7.1.1.2). A hint about the
            # client's window needs none: an inflater of the largest one reads what any smaller one made.
            response = f"{_ANSWER}; server_max_window_bits={bits}" if asked else _ANSWER
            return ServerAgreement(response, Inflater(no_context_takeover=True), bits)
    return None


def _readable(offer: Extension) -> dict[str, str | None] | None:
    """Return the parameters of an offer that may be taken (RFC 7692, 7.1): known ones, once, with a value of theirs."""
    parameters = dict(offer.parameters)
    if offer.name != "permessage-deflate" or len(parameters) < len(offer.parameters):
        return None
    for name, value in parameters.items():
        if name in FLAGS:
            is_known = value is None
        elif name == "client_max_window_bits":
            is_known = value is None or value in WINDOW_BITS
        else:
            is_known = name == "server_max_window_bits" and value in WINDOW_BITS
        if not is_known:
            return None
    return parameters
