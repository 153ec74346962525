"""What the tests of protocol/ share."""

import pytest

from .learning import forget_all


@pytest.fixture(autouse=True)
def _nothing_is_learned() -> None:
    """Events remember across messages what is read of them; a test begins without such memories."""
    forget_all()
