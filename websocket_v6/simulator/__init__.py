"""A local exchange for tests and demonstrations.

Speaks the exchange's WebSocket protocol and the REST calls beside it on real sockets, keeps its limits, gives either
answer where its documents leave one open, and fails on demand. Needs the extra `simulator`.
"""

from .answers import Answers
from .simulator import Simulator
from .weather import Spread, Weather
from .wire.exchange_limits import Limits
from .wire.reports import ConnectionInfo, RequestRecord, Sent, Served

__all__ = ["Answers", "ConnectionInfo", "Limits", "RequestRecord", "Sent", "Served", "Simulator", "Spread", "Weather"]
