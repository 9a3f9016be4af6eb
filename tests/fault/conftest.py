"""How much the fault tests do: a little in `make test`, all of it in `make fault`."""

import os

import pytest


@pytest.fixture
def kills() -> int:
    return int(os.environ.get("FORGETLESS_KILLS", "4"))
