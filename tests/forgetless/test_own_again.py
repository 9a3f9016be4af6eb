"""One's own data along runs: resumed, tuned on, changed, moved or damaged in between."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.checkpoint import FILE
from benchmark.predictions import FILE as PREDICTIONS
from benchmark.run import load_scenario
from scenarios import rows
from scenarios.scenario import _load_own

PLUGIN = '''
import os, signal
from pathlib import Path
from strategies.strategy import Strategy, register

@register("stopped")
class Stopped(Strategy):
    """Fine-tuning; stopped in its second task until there is a file called go."""

    def start_task(self, task):
        if task.index == 1 and not Path("go").exists():
            os.kill(os.getpid(), signal.SIGINT)
        super().start_task(task)
'''
QUICK = ("--epochs", "2", "--network", "mlp:8", "--quiet")
KINDS = ("folder", "files", "npz", "npy", "csv")
"""Where one's own data can be: of folders and arrays also such as is too large for memory."""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of one place, as a name is registered once a process."""
    path = tmp_path_factory.mktemp("plugin") / "plugin.py"
    path.write_text(PLUGIN)
    return str(path)


@pytest.fixture
def command(forgetless: Any, plugin: str) -> Callable[..., Any]:
    """The command line as in a process of its own: what was read before is read again."""

    def call(*arguments: str) -> Any:
        load_scenario.cache_clear()
        _load_own.cache_clear()
        return forgetless(*arguments, *(("--plugin", plugin) if "stopped" in arguments else ()))

    return call


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes small data of a kind in the current folder, and says its path."""

    def make(kind: str) -> str:
        draw = np.random.default_rng(0)
        x, y = draw.integers(0, 128, (80, 8, 8), dtype=np.uint8), np.arange(80) % 4
        for image, label in zip(x, y, strict=True):
            image[2 * label : 2 * label + 2] += 100
        if kind in ("files", "npy"):
            monkeypatch.setattr(rows, "LARGE", 0)
        if kind == "npz":
            np.savez(tmp_path / "data.npz", x=x, y=y)
            return "data.npz"
        if kind == "csv":
            lines = [",".join(map(str, [*image[:, 0], f"class {label}"])) for image, label in zip(x, y, strict=True)]
            (tmp_path / "data.csv").write_text("\n".join([",".join([*"abcdefgh", "label"]), *lines]))
            return "data.csv"
        (tmp_path / "data").mkdir()
        if kind == "npy":
            np.save(tmp_path / "data" / "x.npy", x)
            np.save(tmp_path / "data" / "y.npy", y)
            return "data/"
        for number, (image, label) in enumerate(zip(x, y, strict=True)):
            (tmp_path / "data" / f"class {label}").mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / "data" / f"class {label}" / f"{number:02}.png")
        return "data/"

    return make


def content(folder: Path) -> tuple[dict[str, Any], bytes]:
    """What a run came to: all of its record but the times, and its predictions."""
    (path,) = folder.rglob("record.json")
    record = json.loads(path.read_text())
    for cost in record["costs"]:
        del cost["seconds"]
    return record, (path.parent / PREDICTIONS).read_bytes()


def stopped(command: Any, path: str, out: str) -> None:
    asked = ("run", f"{path}:class,tasks=2", "stopped", *QUICK)
    assert command(*asked, "--out", out).code == 130
    assert list(Path(out).rglob(FILE))


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_to_the_record_of_a_run_that_was_never_stopped(command: Any, own: Any, kind: str) -> None:
    path = own(kind)
    stopped(command, path, "broken")
    Path("go").touch()
    assert command("resume", "broken", "--quiet").code == 0
    command("run", f"{path}:class,tasks=2", "stopped", *QUICK, "--out", "whole")
    assert content(Path("broken")) == content(Path("whole"))


@pytest.mark.parametrize("kind", KINDS)
def test_data_that_has_changed_is_one_line_and_nothing_is_lost(command: Any, own: Any, kind: str) -> None:
    path = own(kind)
    stopped(command, path, "broken")
    Path("go").touch()
    changed = min(file for file in [Path(path), *Path(path).rglob("*")] if file.is_file())
    before = changed.read_bytes()
    if kind in ("folder", "files"):
        Image.fromarray(255 - np.array(Image.open(changed))).save(changed)
    elif kind == "csv":
        changed.write_text(changed.read_text().replace("class 3", "class 2", 1))
    elif kind == "npz":
        arrays = dict(np.load(changed))
        np.savez(changed, x=arrays["x"] ^ 1, y=arrays["y"])
    else:
        changed.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    result = command("resume", "broken", "--quiet")
    assert (result.code, result.out) == (1, "")
    _, said = result.err.splitlines()
    assert said.endswith(f"the data of {path}:class,tasks=2 has changed since it began: run it anew")
    assert not list(Path("broken").rglob("record.json"))
    changed.write_bytes(before)
    assert command("resume", "broken", "--quiet").code == 0


def test_data_that_has_moved_is_one_line_before_any_run_goes_on(command: Any, own: Any) -> None:
    path = own("folder")
    stopped(command, path, "runs/moved")
    stopped(command, own("npz"), "runs/there")
    Path("go").touch()
    shutil.move("data", "elsewhere")
    result = command("resume", "runs", "--quiet")
    assert (result.code, result.out) == (2, "")
    (said,) = result.err.splitlines()
    assert said.startswith("forgetless: runs/moved/data--class-tasks=2/stopped-")
    assert f"/seed-0: there is nothing at data (from {os.getcwd()}): a path can be" in said
    assert not list(Path("runs").rglob("record.json"))
    shutil.move("elsewhere", "data")
    assert command("resume", "runs", "--quiet").code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_tuned_on_and_run_with_what_was_found(command: Any, own: Any, kind: str) -> None:
    path = own(kind)
    asked = (f"{path}:class,tasks=2", "ewc")
    tuned = command("tune", *asked, "--trials", "2", *QUICK, "--json")
    assert tuned.code == 0, tuned.err
    found = json.loads(tuned.out)
    assert found["tuning"]["rule"] == "first-task"
    again = command("run", *asked, "--tuned", found["tuned"], *QUICK, "--json")
    assert json.loads(again.out)["entries"][0]["metrics"]["average_accuracy"]["n"] == 1


def test_a_check_names_every_damaged_image(command: Any, own: Any) -> None:
    path = own("files")
    whole = command("list", "scenarios", "--check", f"{path}:class,tasks=2")
    assert (whole.code, whole.err) == (0, "")
    (cut, foreign, *_) = sorted(Path(path).rglob("*.png"))
    cut.write_bytes(cut.read_bytes()[:-40])
    foreign.write_text("hello")
    result = command("list", "scenarios", "--check", f"{path}:class,tasks=2")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [
        f"{cut} is damaged: image file is truncated; save it again, or remove it",
        f"{foreign} is no image that can be read: mend it, or remove it",
        "data/: 2 of its files cannot be read as images",
    ]


def test_damage_that_only_decoding_shows_fails_what_reads_it(command: Any, own: Any) -> None:
    """Bitmaps have no checksums. One run fails, and the next is made all the same."""
    path = own("files")
    for file in Path(path).rglob("*.png"):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    for file in Path(path, "class 3").iterdir():
        file.write_bytes(file.read_bytes()[:-20])
    result = command("run", f"{path}:class,tasks=2", "naive", "joint", *QUICK, "--evaluate", "seen")
    assert result.code == 1
    place, *failed = result.err.splitlines()
    assert place == "records: runs/data--class-tasks=2"
    for name, line in zip(("naive", "joint"), failed, strict=True):
        assert line.startswith(f"{name} seed 0 failed: data/class 3/")
        assert ".bmp is damaged: image file is truncated" in line
        assert line.endswith("(forgetless list scenarios --check names all such files)")
    assert len(list(Path("runs").rglob("record.json"))) == 2
