"""Fixtures that many tests share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from forgetless.cli import main


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small networks on two cores: more threads only wait for each other."""
    torch.set_num_threads(1)


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
