"""A plain HTTP client of the REST side that keeps its connection, with tokens made as the exchange documents them."""

import http.client
import json
from hashlib import sha512
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import jwt

from websocket_v6.simulator import Simulator


class Answer(NamedTuple):
    status: int
    headers: Any
    body: Any

    @property
    def error(self) -> Any:
        return self.body["error"]["name"]


class Caller:
    """Calls with one key."""

    def __init__(self, sim: Simulator, access_key: str | None = None, secret_key: str | None = None) -> None:
        self._sim = sim
        self.access_key = access_key or sim.access_key
        self._secret = secret_key or sim.secret_key
        self.connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)

    def __call__(self, method: str, path: str, **params: Any) -> Answer:
        pairs = [(f"{k}[]", v) for k, vs in params.items() if isinstance(vs, list) for v in vs]
        pairs += [(k, v) for k, v in params.items() if not isinstance(v, list)]
        plain = "&".join(f"{name}={value}" for name, value in pairs)
        headers = self.headers(plain)
        body = None
        if method == "POST":
            body, headers["Content-Type"] = json.dumps(params), "application/json"
        elif pairs:
            path += "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs)
        return self.send(method, path, body, headers)

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read()
        return Answer(response.status, response.headers, json.loads(text) if text else None)

    def headers(self, plain: str, **claims: Any) -> dict[str, str]:
        payload = {"access_key": self.access_key, "nonce": str(uuid4()), **claims}
        if plain:
            payload |= {"query_hash": sha512(plain.encode()).hexdigest(), "query_hash_alg": "SHA512", **claims}
        return {"Authorization": f"Bearer {jwt.encode(payload, self._secret, 'HS512')}"}

    def order(self, **params: Any) -> Any:
        """Place an order, by default one that rests, and return its row."""
        wanted = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "1000", "volume": "6", **params}
        answer = self("POST", "/v1/orders", **{name: value for name, value in wanted.items() if value is not None})
        assert answer.status == 201, answer
        return answer.body
