"""The errors the exchange answers in-band, with the texts it was seen to use.

Source: Upbit WebSocket reference, "Names"; the English texts were seen in the Indonesian region. Key order differs
by name: some were seen name-first, others message-first.
"""

from ..market.wording import compact

__all__ = ["RequestError", "error_text"]

_KOREAN = {
    "INVALID_AUTH": "인증 정보가 올바르지 않습니다.",
    "WRONG_FORMAT": "Format 이 맞지 않습니다.",
    "NO_TICKET": "티켓이 존재하지 않거나, 유효하지 않습니다.",
    "NO_TYPE": "type 필드가 존재하지 않습니다.",
    "NO_CODES": "codes 필드가 존재하지 않습니다.",
    "INVALID_PARAM": "지원하지 않는 값입니다.",
    "TOO_MANY_REQUEST": "요청 수가 제한을 초과했습니다.",
}
_ENGLISH = {
    "INVALID_AUTH": "Authentication is invalid.",
    "WRONG_FORMAT": "Requested using wrong format.",
    "NO_TICKET": "Ticket field must be contained.",
    "NO_TYPE": "type field not exists.",
    "NO_CODES": "codes field not exists.",
    "INVALID_PARAM": "value is not supported.",
    "TOO_MANY_REQUEST": "Too many requests.",
}
_UNKNOWN_TYPE = {True: "{} 은 지원하지 않는 타입입니다.", False: "type {} is not supported."}
_EMPTY_CODES = {True: "codes 필드가 비어 있습니다.", False: "codes field is empty."}
_MESSAGE_FIRST = {"INVALID_PARAM", "WRONG_FORMAT"}


class RequestError(Exception):
    """A request the exchange refuses; `name` is its word for it."""

    def __init__(self, name: str, detail: str | None = None) -> None:
        super().__init__(name if detail is None else f"{name}: {detail}")
        self.name = name
        self.detail = detail  # an unknown type, or "codes" for an empty list

    def text(self, region: str = "kr") -> str:
        """Return the message in the words of the region."""
        korean = region == "kr"
        if self.name == "INVALID_PARAM" and self.detail == "codes":
            return _EMPTY_CODES[korean]
        if self.name == "INVALID_PARAM" and self.detail is not None:
            return _UNKNOWN_TYPE[korean].format(self.detail)
        return (_KOREAN if korean else _ENGLISH).get(self.name, self.name)


def error_text(name: str, message: str) -> str:
    """Return the error object as JSON, its keys in the order seen for `name`."""
    fields = {"name": name, "message": message}
    if name in _MESSAGE_FIRST:
        fields = {"message": message, "name": name}
    return compact({"error": fields})
