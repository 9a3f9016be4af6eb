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


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks on two cores: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_plugin_is_left() -> Iterator[None]:
    """What a test has registered is not there for those after it."""
    registries: list[Registry[Any]] = [SCENARIOS, SOURCES, STRATEGIES, NETWORKS, PROPERTIES]
    before = [set(registry._plugins) for registry in registries]
    yield
    for registry, names in zip(registries, before, strict=True):
        for name in registry._plugins.keys() - names:
            sys.modules.pop(registry._plugins.pop(name).module, None)
            registry._loaded.pop(name, None)


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
