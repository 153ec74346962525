"""Where a client's messages are taken: its requests, its text PING, its limits.

A request replaces the whole subscription; every refused request ends in an error and a close with 1000.
Source: Upbit WebSocket reference, "Semantics", "Errors" and "Keep-alive".
"""

from collections.abc import Iterable

from ..parts import Part
from .client import Client
from .house import House
from .refusals import RequestError
from .reports import RequestRecord
from .request_reader import Request, parse_request
from .service import Service
from .subscription_list import subscriptions_text

__all__ = ["Reception"]


class Reception:
    """Takes what comes in over all connections."""

    def __init__(self, house: House, service: Service) -> None:
        self._house = house
        self._answers = house.answers
        self._service = service

    def receive(self, client: Client, message: str | bytes) -> None:
        """Take one message of a client."""
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        is_ping = text == "PING"
        client.touch()
        if client.outbox.ending:
            return
        limits = self._house.limits
        if len(text.encode()) > limits.request_bytes:
            if limits.request_bytes_code is None:
                client.outbox.abort()
            else:
                client.outbox.close(limits.request_bytes_code, "")
            return
        if not is_ping:
            client.requests.append(RequestRecord(self._house.clock.now(), text))
        if (not is_ping or self._answers.text_ping_counts) and not client.within_limits():
            client.fail(RequestError(self._answers.rate_error), close=self._answers.rate_error_closes)
        elif is_ping:
            self._start_status(client)
        else:
            self._answer(client, text, binary=isinstance(message, bytes))

    # Requests.

    def _answer(self, client: Client, text: str, *, binary: bool) -> None:
        house = self._house
        try:
            if binary and not self._answers.binary_requests:
                raise RequestError("WRONG_FORMAT")
            self._check_access(client)
            most = house.limits.indicator_combinations
            request = parse_request(text, client.endpoint, self._answers, region=house.region, most=most)
            most = house.limits.request_codes
            if most is not None and sum(len(part.codes or ()) for part in request.parts) > most:
                raise RequestError("INVALID_PARAM")
            if request.is_list:
                self._list(client, request)
            elif request.parts or self._answers.empty_request == "clears":
                self._check_permissions(client, request.parts)
                client.format = request.format or "DEFAULT"
                self._service.subscribe(client, request.parts)
        except RequestError as error:
            client.fail(error)

    def _list(self, client: Client, request: Request) -> None:
        if not client.parts and self._answers.list_when_empty == "error":
            raise RequestError("NO_TYPE")
        if request.format is not None or self._answers.list_resets_format:
            client.format = request.format or "DEFAULT"
        short = client.format.startswith("SIMPLE")
        text = subscriptions_text(client.parts, request.ticket, short=short, answers=self._answers)
        client.notice(text, wrapped=self._answers.wrap_subscriptions, frames=self._answers.subscription_frames)

    def _check_access(self, client: Client) -> None:
        """Raise INVALID_AUTH for a connection that was let in without a good token."""
        if client.endpoint == "public":
            return
        if client.key is None or (self._answers.key_end_refuses and not self._house.keys.is_good(client.key)):
            raise RequestError("INVALID_AUTH")

    def _check_permissions(self, client: Client, parts: Iterable[Part]) -> None:
        if self._answers.missing_permission == "silence" or client.key is None:
            return
        if not all(self._house.keys.permits(client.key, part.type) for part in parts):
            raise RequestError("INVALID_AUTH")

    # PING as text.

    def _start_status(self, client: Client) -> None:
        """Begin the endless series of `UP`, on the grid of the server's 10 s timer."""
        if not client.status_running:
            client.status_running = True
            self._plan_status(client)

    def _plan_status(self, client: Client) -> None:
        def send() -> None:
            if client.is_open and not client.outbox.ending:
                client.status()
                self._plan_status(client)

        self._house.agenda.at((self._house.clock.now() // 10 + 1) * 10, send)
