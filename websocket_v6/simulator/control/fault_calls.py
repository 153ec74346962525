"""Faults on call: the part of a simulator's face that breaks things."""

from collections.abc import Mapping

from ..rest.rest_faults import Harm
from .faults import Ending
from .remote import Remote

__all__ = ["FaultCalls"]


class FaultCalls(Remote):
    """Connections, and handshakes to come, all or those of one endpoint."""

    def drop(self, endpoint: str | None = None, connection_id: int | None = None, *, how: Ending = "reset") -> int:
        """End TCP connections without a close frame, all or some; return how many. A client reports 1006.

        `reset`: with a TCP reset, as a machine that dies. `end`: in order (FIN), as balancers and deployments do.
        `vanish`: not at all; nothing comes any more, nothing is answered, and to the exchange it is gone (half-open).
        """
        count: int = self._call("faults.drop", endpoint, connection_id, how)
        return count

    def deploy(self, seconds: float = 60.0, *, how: Ending = "end", endpoint: str | None = None) -> int:
        """Roll out a new version: each connection that is open now ends within `seconds`; return how many will.

        New ones are on the new machines and stay. How the exchange ends them is not documented.
        """
        count: int = self._call("faults.deploy", seconds, how, endpoint)
        return count

    def maintain(self, seconds: float = 60.0) -> None:
        """Go into maintenance: every connection ends, handshakes and REST calls answer 503 for `seconds`."""
        self._call("faults.maintain", seconds)

    def close(
        self, code: int = 1000, reason: str = "", endpoint: str | None = None, connection_id: int | None = None
    ) -> int:
        """Close connections with a close frame; return how many.

        Raises:
            ValueError: for a code that no frame may carry, such as 1006; `drop` makes what a client reports so.
        """
        count: int = self._call("faults.close", code, reason, endpoint, connection_id)
        return count

    def stall(
        self,
        *,
        data: bool = True,
        pongs: bool = False,
        handshakes: bool = False,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Stall connections that are open, all or some: `data` stops what is sent, `pongs` stops reading and answering.

        With `handshakes`, new connections get no answer either. What is held back goes out at `resume`.
        """
        count: int = self._call(
            "faults.stall",
            data=data,
            pongs=pongs,
            handshakes=handshakes,
            endpoint=endpoint,
            connection_id=connection_id,
        )
        return count

    def resume(self) -> None:
        """End every stall."""
        self._call("faults.resume")

    def refuse(
        self,
        status: int = 429,
        times: int | None = 1,
        body: str | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Answer the next `times` handshakes with an HTTP status; `times=None` until `accept`.

        Without a `body`, 502, 503 and 504 have a balancer's HTML page and others an error of the exchange.
        With the endpoint `"rest"` it is the next REST calls, with a path such as `"/v1/accounts"` those to it.
        """
        self._call("turnstile.refuse", status, times, body, headers, endpoint)

    def spoil(self, path: str, harm: Harm, times: int | None = 1) -> None:
        """Spoil the next `times` answers to REST calls of a path; `None` is until `mend`.

        `harm`: "empty" or "half" (of a list), "truncated" JSON, "hang" until `mend`, "cut" without an answer.
        """
        self._call("rest.faults.plan", path, harm, times)

    def mend(self) -> None:
        """Forget what `spoil` planned, and let the calls that hang go on."""
        self._call("rest.faults.mend")

    def delay_rest(self, seconds: float) -> None:
        """Let REST show what was `seconds` ago, as a replica that lags.

        The market list, trades, candles, orders and balances do; tickers and books are of now, and calls that change
        something do so at once.
        """
        self._call("rest.faults.delay", seconds)

    def accept(self, endpoint: str | None = None) -> None:
        """Take back what `refuse` planned, for one endpoint or all of it."""
        self._call("turnstile.accept", endpoint)

    def send_raw(
        self,
        data: bytes | str,
        binary: bool | None = None,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Send a frame as it is; bytes as a binary frame and text as a text frame unless `binary` says otherwise."""
        count: int = self._call("faults.send_raw", data, binary, endpoint, connection_id)
        return count

    def send_error(
        self,
        name: str,
        text: str | None = None,
        close: bool = True,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        """Send an error object, and close with 1000 behind it unless told not to."""
        count: int = self._call("faults.send_error", name, text, close, endpoint, connection_id)
        return count
