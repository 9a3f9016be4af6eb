"""Fixtures that many tests share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks on two cores: more threads only wait for each other."""
    torch.set_num_threads(1)
