"""`forgetless run`, `list` and `leaderboard` as their user meets them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import jsonschema
import numpy as np
import pytest

from benchmark.record import read_record, record_schema
from benchmark.run import cores

QUICK = ("--iterations", "12", "--network", "mlp:24x16", "--quiet")

ENOUGH = ("--epochs", "3", "--network", "mlp:64", "--quiet")

PULL = '''
from torch.nn.utils import parameters_to_vector
from strategies.strategy import Strategy, register

@register("pull")
class Pull(Strategy):
    """Pull every weight towards where the last task left it."""
    def __init__(self, network, *, strength: float = 1.0):
        super().__init__(network)
        self.strength = strength
        self.register_buffer("anchor", parameters_to_vector(network.parameters()).detach())
    def loss(self, batch):
        moved = parameters_to_vector(self.network.parameters()) - self.anchor
        return super().loss(batch) + self.strength * moved.square().sum()
    def end_task(self, task):
        self.anchor = parameters_to_vector(self.network.parameters()).detach()
'''


def console(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "forgetless", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_json_is_one_document_and_its_records_are_valid(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = forgetless("run", "split-digits:class", "naive", "joint", "ewc", "--seeds", "2", *ENOUGH, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document.keys() == {"records", "entries"}
    assert len(document["records"]) == 6
    for path in document["records"]:
        read_record(tmp_path / path)
        jsonschema.validate(json.loads((tmp_path / path).read_text()), record_schema())
    by_name = {entry["strategy"]: entry for entry in document["entries"]}
    assert by_name.keys() == {"naive", "joint", "ewc"}
    ewc = by_name["ewc"]
    assert [seed["init"] for seed in ewc["seeds"]] == [0, 1]
    assert ewc["metrics"]["average_accuracy"].keys() >= {"mean", "low", "high", "n"}
    assert ewc["metrics"]["average_accuracy"]["n"] == 2
    assert ewc["metrics"]["gap_closed"]["mean"] is not None
    assert by_name["joint"]["metrics"]["gap_closed"]["mean"] == pytest.approx(1)
    assert "forward_transfer" not in ewc["metrics"]
    assert "masked" in ewc["undefined"]["forward_transfer"]


def test_a_plugin_of_fifteen_lines_is_a_full_entry(tmp_path: Path) -> None:
    """From a folder outside the repository, through the command itself, in processes of their own."""
    assert len(PULL.strip().splitlines()) == 15
    (tmp_path / "my_strategy.py").write_text(PULL)
    arguments = ("run", "split-digits:task", "naive", "pull", "--plugin", "my_strategy.py", "--seeds", "2")
    ran = console(*arguments, "--set", "pull.strength=0.5", *QUICK, "--jobs", "2", "--post", "b.db", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    shown = console("leaderboard", "show", "--board", "b.db", "--json", cwd=tmp_path)
    (protocol,) = json.loads(shown.stdout)["protocols"]
    entries = {entry["strategy"]: entry for entry in protocol["entries"]}
    assert entries["pull"]["hyperparameters"] == {"strength": 0.5}
    assert entries["pull"]["metrics"]["average_accuracy"]["n"] == 2
    listed = json.loads(console("list", "strategies", "--plugin", "my_strategy.py", "--json", cwd=tmp_path).stdout)
    mine = next(item for item in listed if item["name"] == "pull")
    assert mine["summary"] == "Pull every weight towards where the last task left it."
    assert mine["options"] == {"strength": ": float = 1.0"}


def test_posting_again_changes_nothing_and_protocols_stay_apart(forgetless) -> None:  # type: ignore[no-untyped-def]
    post = ("--post", "b.db")
    for _ in range(2):
        assert forgetless("run", "split-digits:task", "naive", "hat", "--seeds", "2", *QUICK, *post).code == 0
    assert forgetless("run", "split-digits:class", "naive", *QUICK, *post).code == 0
    assert forgetless("leaderboard", "post", "runs", "--board", "b.db").code == 0
    shown = json.loads(forgetless("leaderboard", "show", "--board", "b.db", "--json").out)
    assert sorted(len(protocol["entries"]) for protocol in shown["protocols"]) == [1, 2]
    for protocol in shown["protocols"]:
        for entry in protocol["entries"]:
            assert entry["metrics"]["average_accuracy"]["n"] == (2 if len(protocol["entries"]) == 2 else 1)


def test_any_metric_can_be_shown(forgetless) -> None:  # type: ignore[no-untyped-def]
    properties = "calibration,sensitivity,adversarial:steps=2"
    arguments = (
        "run",
        "split-digits:task",
        "naive",
        "hat",
        "--seeds",
        "2",
        *QUICK,
        "--properties",
        properties,
    )
    assert forgetless(*arguments, "--evaluate-every", "6", "--post", "b.db").code == 0
    for metric in ("forgetting", "minimum_accuracy", "calibration.forgetting", "sensitivity.final"):
        shown = forgetless("leaderboard", "show", "--board", "b.db", "--metric", metric)
        assert shown.code == 0
        assert "naive" in shown.out
    document = json.loads(
        forgetless("leaderboard", "show", "--board", "b.db", "--metric", "adversarial:steps=2.final", "--json").out
    )
    ranks = [entry["rank"] for entry in document["protocols"][0]["entries"]]
    assert ranks == sorted(ranks)


def test_a_sample_of_tasks_gives_the_same_figures_or_says_what_to_ask_for(forgetless) -> None:  # type: ignore[no-untyped-def]
    entries = {}
    for evaluate in ("sample=1", "all"):
        asked = ("run", "permuted-digits:domain,tasks=4", "naive", *QUICK, "--evaluate", evaluate)
        result = forgetless(*asked, "--post", f"{evaluate}.db", "--json")
        assert result.code == 0, result.err
        (entries[evaluate],) = json.loads(result.out)["entries"]
    sampled, whole = entries.values()
    assert sampled["metrics"] == {name: whole["metrics"][name] for name in sampled["metrics"]}
    assert {"average_accuracy", "learning_accuracy", "backward_transfer"} == sampled["metrics"].keys()
    assert sampled["undefined"]["forgetting"].endswith("ask for --evaluate all")
    shown = forgetless("leaderboard", "show", "--board", "sample=1.db")
    assert "forgetting of naive: a task in an earlier row was not measured: ask for --evaluate all" in shown.out


def test_a_failed_run_gives_exit_code_1_and_the_others_are_posted(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "breaks.py").write_text(
        "from strategies.strategy import Strategy, register\n\n\n"
        '@register("breaks")\nclass Breaks(Strategy):\n    """It breaks."""\n\n'
        "    def after_step(self, batch):\n        raise ValueError('half way')\n"
    )
    arguments = (
        "run",
        "split-digits:task",
        "breaks",
        "naive",
        "--plugin",
        "breaks.py",
        *QUICK,
        "--post",
        "b.db",
    )
    result = forgetless(*arguments)
    assert result.code == 1
    assert "breaks seed 0 failed: ValueError: half way" in result.err
    shown = json.loads(forgetless("leaderboard", "show", "--board", "b.db", "--json").out)
    assert [entry["strategy"] for entry in shown["protocols"][0]["entries"]] == ["naive"]


def test_a_diverged_run_is_a_result_on_the_board(forgetless) -> None:  # type: ignore[no-untyped-def]
    arguments = ("run", "split-digits:domain", "ewc", "naive", "--set", "strength=1e9", "--lr", "0.5", *QUICK)
    result = forgetless(*arguments, "--post", "b.db")
    assert result.code == 0
    shown = json.loads(forgetless("leaderboard", "show", "--board", "b.db", "--json").out)
    entries = shown["protocols"][0]["entries"]
    assert [entry["strategy"] for entry in entries] == ["naive", "ewc"]
    assert entries[1]["diverged"] == 1


def test_a_property_takes_several_options(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked = "adversarial:epsilon=0.3,steps=2,calibration,adversarial:epsilon=0.05,steps=2"
    assert forgetless("run", "split-digits:task", "naive", *QUICK, "--properties", asked).code == 0
    (record,) = [read_record(path) for path in tmp_path.glob("runs/**/record.json")]
    assert list(record.properties) == [
        "adversarial:epsilon=0.3,steps=2",
        "calibration",
        "adversarial:epsilon=0.05,steps=2",
    ]


def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "forgetless", "list", "metrics", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("forgetless: the output cannot be written")


def test_classes_by_seed_are_another_protocol(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for order in ("canonical", "seed"):
        code = forgetless("run", "split-digits:class", "naive", "--seeds", "2", "--class-order", order, *QUICK).code
        assert code == 0
    records = [read_record(path) for path in sorted(tmp_path.glob("runs/**/record.json"))]
    assert len(records) == 4
    assert len({record.protocol for record in records}) == 2
    drawn = [record for record in records if record.spec.seeds.classes is not None]
    assert drawn[0].tasks[0].classes != drawn[1].tasks[0].classes


@pytest.mark.parametrize("arguments", [("--help",), ("list",), ("list", "strategies", "--json"), ("run", "--help")])
def test_looking_around_imports_no_torch(arguments: tuple[str, ...], tmp_path: Path) -> None:
    program = (
        "import sys\nsys.argv = ['forgetless', *sys.argv[1:]]\nfrom forgetless.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'scipy', 'sqlalchemy', 'sklearn', 'wandb'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


SLEEPY = """
import os, pathlib, time
from strategies.strategy import Strategy, register

@register("sleepy")
class Sleepy(Strategy):
    \"\"\"It takes its time.\"\"\"
    def start_task(self, task):
        pathlib.Path(f"{os.getpid()}.pid").touch()
    def after_step(self, batch):
        time.sleep(0.2)
"""


@pytest.mark.parametrize(("blow", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_when_it_is_stopped_its_processes_stop_as_well(tmp_path: Path, blow: signal.Signals, code: int) -> None:
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    arguments = ["run", "split-digits:task", "sleepy", "--plugin", "sleepy.py", "--seeds", "3", "--jobs", "2"]
    command = [sys.executable, "-m", "forgetless", *arguments, "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        until(lambda: len(list(tmp_path.glob("*.pid"))) == min(2, cores()))
        process.send_signal(blow) if blow is signal.SIGKILL else os.killpg(process.pid, blow)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err == ("forgetless: interrupted\n" if blow is signal.SIGINT else "")
    children = [int(path.stem) for path in tmp_path.glob("*.pid")]
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert not list(tmp_path.glob("runs/**/*.json")), "a run that was stopped has no record"


def until(holds: Callable[[], bool], patience: float = 60) -> None:
    """Wait for something, but not for ever."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_version() -> None:
    done = console("--version", cwd=Path.cwd())
    assert done.stdout.startswith("forgetless ")
    assert done.returncode == 0


def test_the_command_line_and_python_have_the_same_defaults() -> None:
    from inspect import signature

    from benchmark.spec import RunSpec
    from forgetless import training
    from forgetless.running import run

    hints = get_type_hints(run, include_extras=True)
    for name in ("batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule"):
        assert signature(run).parameters[name].default is None, name  # what the scenario is usually run with, or:
        help_text = hints[name].__metadata__[0].help
        assert f"[default: {RunSpec.model_fields[name].default}" in help_text, name
    assert hints["batch_size"] == training.BatchSize


def test_a_run_on_what_it_is_tested_on_says_so_once(forgetless) -> None:  # type: ignore[no-untyped-def]
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8)
    y = np.arange(40) % 4
    np.savez("own.npz", x=x, y=y, test_x=np.concatenate([x[1::4][:3], 255 - x[:9]]), test_y=np.array([1, 1, 1, *y[:9]]))
    asked = ("own.npz:class,tasks=2,validation=0", "naive", "--seeds", "2", "--class-order", "seed", *QUICK)
    result = forgetless("run", *asked)
    warned, place = result.err.splitlines()
    assert warned.startswith("own.npz:class,tasks=2,validation=0: 3 of 12 test examples are, to the byte")
    assert place.startswith("records: ")
    assert result.out.count("3 of 12 test examples") == 1
    (path, *_) = sorted(Path("runs").rglob("record.json"))
    assert sum(task.leaked or 0 for task in read_record(path).tasks) == 3
    again = forgetless("run", *asked, "--json")
    assert json.loads(again.out)["entries"]
    assert again.err.count("3 of 12 test examples") == 1
    assert "test examples" not in forgetless("run", "addition-facts", "naive", *QUICK).err
