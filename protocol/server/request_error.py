"""The errors that the exchange answers to a request, in its words, and the close that follows each of them.

Source: Upbit WebSocket reference, "Errors". It has no text for a limit that was exceeded, nor for a value that is not
supported: these are ours. The other regions speak English; seen in Indonesia were the texts of WRONG_FORMAT, NO_TICKET,
NO_CODES and of an unknown type, the others are ours.
"""

import msgspec

__all__ = ["CLOSE_CODE", "NAMES", "RequestError"]

CLOSE_CODE = 1000  # behind each error, at once
_SHOWN = 100  # characters of a word that is not known
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
NAMES = frozenset(_KOREAN)
# Seen with the text before the name; all others have the name first.
_TEXT_FIRST = ("INVALID_PARAM", "WRONG_FORMAT")
_encode = msgspec.json.Encoder().encode


class RequestError(Exception):
    """A request that the exchange refuses: its `name` for that, and its `text`."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text)
        self.name = name
        self.text = text

    @classmethod
    def of(cls, name: str, region: str) -> "RequestError":
        """Return the error of this name with the text of the region."""
        return cls(name, (_KOREAN if region == "kr" else _ENGLISH)[name])

    @classmethod
    def unknown_type(cls, type_: str, region: str) -> "RequestError":
        """Return the answer to a data type that is not there."""
        shown = type_[:_SHOWN]
        text = f"{shown} 은 지원하지 않는 타입입니다." if region == "kr" else f"type {shown} is not supported."
        return cls("INVALID_PARAM", text)

    @classmethod
    def no_codes_in_list(cls, region: str) -> "RequestError":
        """Return the answer to codes that are an empty list."""
        return cls("INVALID_PARAM", "codes 필드가 비어 있습니다." if region == "kr" else "codes field is empty.")

    def answer(self, format_: str = "DEFAULT") -> bytes:  # noqa: ARG002
        """Return what is sent: the same object in all formats, and in no array; nothing else was ever seen."""
        error = {"name": self.name, "message": self.text}
        if self.name in _TEXT_FIRST:
            error = {"message": self.text, "name": self.name}
        return _encode({"error": error})
