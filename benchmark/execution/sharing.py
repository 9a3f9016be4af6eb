"""Data that several processes use but only one has loaded."""

import os
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any

import torch

from scenarios.task import Scenario


class SharedScenario:
    """A scenario in a file that processes map into memory, so that its tensors are there once for all of them.

    The file has no name: it goes when the last process that holds it open ends, however that ends. A process
    that changes a tensor changes a copy of its own.

    Args:
        scenario: as loaded. What was found out by going through its content goes with it: digest and leaks.

    Raises:
        Exception: where the scenario cannot be pickled, or the disk is full.
    """

    def __init__(self, scenario: Scenario) -> None:
        _ = scenario.digest, scenario.leaked
        with tempfile.TemporaryFile() as file:
            torch.save(scenario, file)
            file.flush()
            self._descriptor = os.dup(file.fileno())

    def load(self) -> Scenario:
        """The scenario, its tensors as views of the file. Its plug-ins must have been loaded."""
        scenario = torch.load(f"/dev/fd/{self._descriptor}", mmap=True, weights_only=False)
        assert isinstance(scenario, Scenario)
        return scenario

    def close(self) -> None:
        """Let go of the file; what is mapped stays."""
        os.close(self._descriptor)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickled only on the way to a new process, which is handed the open file."""
        return _received, (DupFd(self._descriptor),)


def _received(file: Any) -> SharedScenario:
    shared = SharedScenario.__new__(SharedScenario)
    shared._descriptor = file.detach()
    return shared
