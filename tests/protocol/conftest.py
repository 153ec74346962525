"""What the tests of protocol/ share."""

from collections.abc import Iterator

import pytest

from websocket_v6.protocol.events import base


@pytest.fixture(autouse=True)
def _nothing_is_read_in_full() -> Iterator[None]:
    """Events remember across messages what is read of them; a test begins without such memories."""
    base._read_in_full.clear()
    yield
    base._read_in_full.clear()
