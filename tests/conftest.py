"""Fixtures that many tests share."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.catalogue import PROPERTIES
from forgetless.cli import main
from scenarios.catalogue import SCENARIOS, SOURCES
from scenarios.registry import Registry
from strategies.catalogue import NETWORKS, STRATEGIES

FOREIGN = ("plugin_", "foreign_")
"""How modules of plug-ins are called: files by the registry, packages by our tests."""

REGISTRIES: tuple[Registry[Any], ...] = (SCENARIOS, SOURCES, STRATEGIES, NETWORKS, PROPERTIES)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks on two cores: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _plugins_are_forgotten() -> Iterator[None]:
    """What a plug-in, a file or an installed package, has registered in a test is not there for those after it."""
    yield
    for registry in REGISTRIES:
        for name in [name for name, entry in registry._plugins.items() if entry.module.startswith(FOREIGN)]:
            del registry._plugins[name]
        for name in [name for name, thing in registry._loaded.items() if thing.__module__.startswith(FOREIGN)]:
            del registry._loaded[name]
    for module in [module for module in sys.modules if module.startswith(FOREIGN)]:
        del sys.modules[module]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Forgetless = Callable[..., Result]


@pytest.fixture
def forgetless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Forgetless:
    """Call the command line as a person would, in an empty folder, but in this process."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["forgetless", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call
