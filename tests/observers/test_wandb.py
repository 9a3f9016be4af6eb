"""The wandb observer, by what wandb itself wrote of a run: offline, no account, no network."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from wandb_file import WandbFile, read_wandb_files

from benchmark.observers.observer import Step
from benchmark.observers.wandb import COLOURS, PAPER, WandbObserver, heat_map, plain_heat_map
from benchmark.record import Environment, RunRecord, TaskCosts, TaskFacts
from benchmark.spec import RunSpec, Seeds

TASKS = ["0+1", "2+3", "4+5"]
ACCURACY = [[0.25, 0.0, 0.5], [1.0, 0.25, 0.25], [0.75, 1.0, 0.5], [0.5, 0.75, 1.0]]


def spec(**changes: Any) -> RunSpec:
    fields: dict[str, Any] = {
        "scenario": "split-digits:class,tasks=3",
        "strategy": "ewc",
        "hyperparameters": {"strength": 100.0, "fisher": "true"},
        "network": "mlp:400x400",
        "epochs": 2,
        "properties": ("robustness",),
        "seeds": Seeds(init=4, order=5),
    }
    return RunSpec(**{**fields, **changes})


def record(of: RunSpec, status: str = "completed", rows: int = 4) -> RunRecord:
    tasks = [
        TaskFacts(name=name, classes=(), outputs=(), training=10, validation=0, test=4, chance=0.5).model_dump()
        for name in TASKS
    ]
    fields: dict[str, Any] = {
        "schema": "forgetless.record/1",
        "status": status,
        "spec": of.model_dump(),
        "protocol": of.protocol,
        "scenario_digest": "",
        "strategy_digest": "",
        "kind": "class",
        "active": "seen",
        "tasks": tasks,
        "accuracy": ACCURACY[:rows],
        "costs": [
            TaskCosts(
                seconds=1.5,
                steps=10,
                examples_forward=320,
                examples_backward=320,
                bytes_remembered=100 * number,
                parameters=1000,
            ).model_dump()
            for number in range(1, rows)
        ],
        "environment": Environment(
            python="3", torch="2", platform="", cores=2, threads=1, device="cpu", forgetless="", commit=None
        ).model_dump(),
    }
    if status != "completed":
        fields["reason"] = "no memory left" if status == "failed" else "the loss was nan at step 3"
    values, undefined = RunRecord.model_construct(
        **{**fields, "tasks": [TaskFacts(**task) for task in tasks]}
    ).computed_metrics()
    return RunRecord.model_validate({**fields, "metrics": values, "undefined": undefined})


def play(directory: Path, of: RunSpec, ended: RunRecord, reports: int = 4) -> WandbFile:
    """Tell an observer of a run in a made-up way, and read what wandb wrote of it."""
    observer = WandbObserver(directory)
    observer.run_started(of, TASKS)
    observer.evaluated(0, ACCURACY[0])
    total = 0
    for task in range(1, len(ended.accuracy)):
        for report in range(1, reports + 1):
            total += 10
            losses = [2.0 / task + report] * 5 + [4.0 / task + report] * 5
            observer.stepped(Step(task, 10 * report, 10 * reports, losses, total))
        observer.evaluated(task, ACCURACY[task])
    observer.run_ended(ended)
    return read_wandb_files(directory)[-1]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for wandb's files, with all that could reach a server or a person's settings kept away."""
    directory = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("WANDB_MODE", "offline")
        yield directory


@pytest.fixture(scope="module")
def completed(offline: Path) -> WandbFile:
    return play(offline / "completed", spec(), record(spec()))


def test_a_run_carries_its_specification_and_its_place(completed: WandbFile) -> None:
    config = {name: value for name, value in completed.config.items() if not name.startswith("_")}
    assert config == spec().model_dump(mode="json")
    assert completed.run == {
        "name": "ewc-seed4",
        "group": f"ewc-{spec().group}",
        "job_type": "split-digits:class,tasks=3",
        "project": "forgetless",
    }


def test_seeds_share_a_group() -> None:
    assert spec().group == spec(seeds=Seeds(init=9, order=9)).group != spec(epochs=3).group


def test_losses_are_means_against_the_steps_of_the_run(completed: WandbFile) -> None:
    assert completed.axes["train/*"] == "train/step"
    assert completed.logged("train/step") == list(range(10, 130, 10))
    assert completed.logged("train/task") == [1] * 4 + [2] * 4 + [3] * 4
    expected = [3 / task + report for task in (1, 2, 3) for report in (1, 2, 3, 4)]
    assert completed.logged("train/loss") == pytest.approx(expected)


def test_accuracies_are_logged_against_the_tasks_learned(completed: WandbFile) -> None:
    assert completed.axes["accuracy/*"] == completed.axes["matrix/*"] == "task"
    rows = [item for item in completed.history if "task" in item]
    assert [item["task"] for item in rows] == [0, 1, 2, 3]
    for item, row in zip(rows, ACCURACY, strict=True):
        assert [item[f"accuracy/task_{number}"] for number in (1, 2, 3)] == row
    assert completed.logged("accuracy/seen") == [1.0, 0.875, 0.75]


def test_the_matrix_so_far_is_a_table_and_a_picture(completed: WandbFile) -> None:
    tables, pictures = completed.logged("matrix/table"), completed.logged("matrix/heat_map")
    assert len(tables) == len(pictures) == 4
    table = json.loads((completed.folder / tables[2]["path"]).read_text())
    assert table["columns"] == ["after", "1: 0+1", "2: 2+3", "3: 4+5"]
    assert table["data"] == [
        ["before", *ACCURACY[0]],
        ["1: 0+1", *ACCURACY[1]],
        ["2: 2+3", *ACCURACY[2]],
    ]
    with Image.open(completed.folder / pictures[-1]["path"]) as image:
        drawn = heat_map(dict(enumerate(ACCURACY)), ["1: 0+1", "2: 2+3", "3: 4+5"])
        assert image.convert("RGB").tobytes() == drawn.tobytes()


def test_the_summary_has_metrics_costs_and_status(completed: WandbFile) -> None:
    summary = completed.summary
    assert summary["status"] == "completed"
    assert completed.exit_code == 0
    assert summary["average_accuracy"] == 0.75
    assert summary["backward_transfer"] == -0.375
    assert "reason" not in summary
    assert "minimum_accuracy" not in summary  # undefined: nothing was evaluated within tasks
    assert summary["costs/seconds"] == 4.5
    assert summary["costs/examples_backward"] == 960
    assert summary["costs/bytes_remembered"] == 300
    assert summary["costs/parameters"] == 1000


@pytest.mark.parametrize(("status", "exit_code"), [("failed", 1), ("diverged", 0)])
def test_a_run_cut_short_says_so(offline: Path, status: str, exit_code: int) -> None:
    """Divergence is a result, failure is not."""
    found = play(offline / status, spec(), record(spec(), status, rows=2))
    assert found.exit_code == exit_code
    assert found.summary["status"] == status
    assert found.summary["reason"]
    assert "average_accuracy" not in found.summary
    assert found.logged("task") == [0, 1]


def test_long_tasks_are_thinned(offline: Path) -> None:
    """Also what makes a file of several blocks, some records of which lie across their borders."""
    of = spec()
    found = play(offline / "long", of, record(of), reports=1300)
    assert 3 * 400 <= len(found.logged("train/loss")) <= 3 * 501
    assert found.logged("train/step")[-1] == 3 * 13000
    (file,) = found.folder.parent.glob("*.wandb")
    assert file.stat().st_size > 3 * 32 * 1024


def test_runs_under_way_together_do_not_mix(offline: Path) -> None:
    observers = [WandbObserver(offline / "together") for _ in range(2)]
    for seed, observer in enumerate(observers):
        observer.run_started(spec(seeds=Seeds(init=seed, order=seed)), TASKS)
    for seed, observer in enumerate(observers):
        observer.stepped(Step(1, 1, 1, [float(seed), math.nan], 1))
        observer.evaluated(1, ACCURACY[seed])
    for seed, observer in enumerate(observers):
        observer.run_ended(record(spec(seeds=Seeds(init=seed, order=seed))))
    found = {file.run["name"]: file for file in read_wandb_files(offline / "together")}
    assert [found[f"ewc-seed{seed}"].logged("accuracy/task_1") for seed in range(2)] == [[0.25], [1.0]]


def alone(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own: wandb reads its environment once a process."""
    return subprocess.run(
        [sys.executable, "-c", f"from test_wandb import *\n{script}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_wandb_says_nothing(offline: Path) -> None:
    """Standard output belongs to the result, and the terminal to the progress."""
    ran = alone(f"play(Path({str(offline / 'silent')!r}), spec(), record(spec())); print('the result')")
    assert (ran.stdout, ran.stderr) == ("the result\n", "")


def test_wandb_without_a_key_leaves_the_run_alone(offline: Path) -> None:
    home = str(offline / "keyless")  # where no key can be found
    ran = alone(
        f"""
from benchmark.observers.observer import Observers
observers = Observers([WandbObserver(Path({home!r}))])
observers.run_started(spec(), TASKS)
observers.evaluated(0, ACCURACY[0])
observers.run_ended(record(spec()))
print("the result")
""",
        WANDB_MODE="online",
        WANDB_BASE_URL="http://127.0.0.1:9",  # nobody listens there
        HOME=home,
        NETRC=f"{home}/netrc",
    )
    assert ran.stdout == "the result\n"
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("WandbObserver broke and is left out of this run: No API key")


def test_a_run_that_never_started_is_let_pass(offline: Path) -> None:
    observer = WandbObserver(offline / "never")
    observer.evaluated(0, ACCURACY[0])
    observer.run_ended(record(spec(), "failed", rows=0))
    assert read_wandb_files(offline / "never") == []


def test_the_heat_map_goes_from_light_to_dark() -> None:
    tasks = ["1: a", "2: b"]
    picture = heat_map({0: [0.0, 1.0], 1: [0.5, 0.25]}, tasks)
    width, height = 72, 48
    right, bottom = picture.width - 24, picture.height - 24  # the grid ends a margin before the picture
    corners = {
        (row, column): picture.getpixel((right - (2 - column) * width + 5, bottom - (3 - row) * height + 5))
        for row in range(3)
        for column in range(2)
    }
    brightness = {place: sum(colour) for place, colour in corners.items() if isinstance(colour, tuple)}
    assert brightness[0, 0] > brightness[1, 1] > brightness[1, 0] > brightness[0, 1]
    assert corners[2, 0] == (255, 255, 255)  # not reached


def test_many_tasks_are_pictured_now_and_then(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.observers.wandb.PICTURES", 3)
    observer = WandbObserver(offline / "many")
    observer.run_started(spec(), [str(number) for number in range(10)])
    for task in range(11):
        observer.evaluated(task, [0.5] * 10)
    observer.run_ended(record(spec()))
    (found,) = read_wandb_files(offline / "many")
    assert found.logged("task") == list(range(11))
    pictured = [item["task"] for item in found.history if "matrix/heat_map" in item]
    assert pictured == [0, 4, 8, 10]


def test_what_is_sent_of_very_many_tasks_is_bounded(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.observers.wandb.MANY", 4)
    observer = WandbObserver(offline / "very-many")
    observer.run_started(spec(), [str(number) for number in range(10)])
    for task in range(11):
        observer.evaluated(task, [0.5 if column < task else None for column in range(10)])
    observer.run_ended(record(spec()))
    (found,) = read_wandb_files(offline / "very-many")
    curves = {name for item in found.history for name in item if name.startswith("accuracy/task_")}
    assert curves == {"accuracy/task_1", "accuracy/task_4", "accuracy/task_7", "accuracy/task_10"}
    assert len(found.logged("accuracy/task_4")) == 7, "from when it was learned"
    assert found.logged("accuracy/seen") == [0.5] * 10
    assert found.logged("matrix/table") == []
    assert found.logged("matrix/heat_map")


def test_the_heat_map_of_many_tasks_has_a_block_a_cell() -> None:
    picture = plain_heat_map({0: [0.0, None], 1: [1.0, 0.5]}, 2)
    assert picture.size == (1000, 1500)
    assert [picture.getpixel((column, row)) for row in (499, 999, 1499) for column in (499, 999)] == [
        COLOURS[0], PAPER, COLOURS[-1], COLOURS[2], PAPER, PAPER
    ]  # fmt: skip


def test_tasks_not_evaluated_are_blank_cells() -> None:
    tasks = ["1: a", "2: b"]
    assert heat_map({1: [None, None]}, tasks).tobytes() == heat_map({}, tasks).tobytes()
