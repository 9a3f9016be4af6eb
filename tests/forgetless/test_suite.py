"""`forgetless suite`: what a file may say, what comes of it, and the table that shows it."""

import itertools
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from benchmark.observers.progress import Ended, Evaluated, Started, Stepped
from benchmark.record import read_record
from forgetless.plan import requests_for
from forgetless.suite import Cell
from forgetless.suite_file import read_suite
from forgetless.suite_table import SuiteProgress
from scenarios.errors import RequestError

TOP = 'scenarios = ["split-digits:task"]\nstrategies = ["naive", "ewc"]\n'

BAD = [
    # what the file says, and what the line must say besides its name
    ("strategies = ['naive']", 'names no scenarios: add scenarios = ["…"]'),
    ("scenarios = ['split-digits']", "names no strategies"),
    ("", "names no scenarios"),
    (TOP + "epoch = 3", "there is no key 'epoch'; did you mean 'epochs'?"),
    (TOP + "[[gird]]\nlr = 1", "there is no key 'gird'; did you mean 'grid'?"),
    (TOP + "[[grid]]\nbatchsize = 1", "grid 1: there is no key 'batchsize'; did you mean 'batch_size'?"),
    (TOP + "[[grid]]\nlr = 1\n[[grid]]\nlr = -1", "grid 2: lr='-1' is not possible: input should be greater than 0"),
    (TOP + "[grid]\nlr = 1", "further runs are written as tables [[grid]]"),
    (TOP + "grid = 3", "further runs are written as tables [[grid]]"),
    (TOP + "set = 3", "hyper-parameters are written in a table [set]"),
    (
        TOP + "set.strenth = 3",
        "strenth=3: none of naive, ewc has a hyper-parameter 'strenth'; did you mean 'strength'?",
    ),
    (TOP + "set.ewx.strength = 3", "'ewx' is not run here; did you mean 'ewc'?"),
    (TOP + "set.strength = [1, -1]", "strength=-1 is not possible"),
    (TOP + "set.strength = [1, 1.0]", "an alternative is there twice"),
    (TOP + "set.strength = []", "set.strength is an empty list"),
    (TOP + "set.strength = [[1]]", "set.strength=[1] is not possible: give a text, a number"),
    (TOP + "set.ewc.strength.deep = 1", "set.ewc.strength={'deep': 1} is not possible"),
    (TOP + "[[grid]]\nstrategies = ['naive']\nset.strength = 1", "grid 1: strength=1: none of naive has"),
    (TOP + "lr = nan", "lr='nan' is not possible"),
    (TOP + "lr = 2020-01-01", "lr=2020-01-01 is not possible"),
    (TOP + "lr = []", "lr is an empty list"),
    (TOP + "epochs = true", "epochs='true' is not possible: input should be a valid integer"),
    (TOP + "epochs = 1\niterations = 1", "give epochs or iterations, one of the two"),
    (TOP + "optimizer = ['sgd', 'adagrad']", "should be 'sgd', 'adam' or 'adamw'"),
    (TOP + "class_order = 'random'", "class_order=random is not possible: it can be canonical or seed"),
    (TOP + "seeds = 0", "at least one is needed"),
    (TOP + "seeds = [1, 1]", "names a seed twice"),
    (TOP + "seeds = -1", "give a number of seeds"),
    (TOP + "seeds = 99999999", "more than 10000 runs"),
    (TOP + "seeds = 6000", "are more than 10000 runs"),
    (TOP + f"set.strength = {list(range(2, 12000))}", "the alternatives of ewc make more than 10000 runs"),
    (TOP + f"lr = {list(range(1, 200))}\nbatch_size = {list(range(1, 200))}", "asks for more than 10000 runs"),
    (TOP + "properties = ['adverserial']", "no property 'adverserial'; did you mean 'adversarial'?"),
    (TOP + "network = 'mlq'", "no network 'mlq'; did you mean 'mlp'?"),
    (TOP + "device = 'tpu7'", "device=tpu7 is not to be had here"),
    (TOP + "strategies = ['naive']", "is not TOML: Cannot overwrite a value (at end of document)"),
    (TOP + "lr = ", "is not TOML: Invalid value (at end of document)"),
    (TOP.replace("naive", "naiv"), "no strategy 'naiv'; did you mean 'naive'?"),
    (TOP.replace("naive", "ewc"), "a strategy is named twice"),
    (TOP.replace("digits", "digit"), "there is no scenario 'split-digit'"),
    (TOP.replace("task", "task,tasks=3"), "10 classes do not divide into 3 equal tasks"),
    ("scenarios = ['split-digits:class']\nstrategies = ['hat']", "every run is refused, the first because hat cannot"),
    ("x = " + "[" * 5000, "is not TOML"),
]


@pytest.mark.parametrize(("text", "says"), BAD, ids=[says for _, says in BAD])
def test_a_file_that_is_wrong_is_one_line(forgetless: Any, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    result = forgetless("suite", "mine.toml")
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.startswith("forgetless: ")
    assert result.err.count("\n") == 1, result.err
    assert says in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_what_is_no_file_is_one_line(forgetless: Any, tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name, says in (("none.toml", "No such file"), (".", "Is a directory"), ("bytes.toml", "is not TOML")):
        result = forgetless("suite", name)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert says in result.err


def specs(tmp_path: Path, text: str) -> list[tuple[Any, ...]]:
    (tmp_path / "s.toml").write_text(text)
    return [
        (spec.scenario, spec.strategy, spec.hyperparameters.get("strength"), spec.lr, spec.epochs, spec.seeds.init)
        for spec in read_suite(tmp_path / "s.toml")
    ]


def test_a_grid_differs_from_the_top_by_what_it_says(tmp_path: Path) -> None:
    text = (
        TOP + "seeds = [4]\nlr = 0.1\nset.ewc.strength = 7\n"
        '[[grid]]\nstrategies = ["naive"]\nlr = 0.2\n'  # which has no strength, and need not
        '[[grid]]\nscenarios = ["split-digits:class"]\nset.ewc.strength = 8\niterations = 3\n'
        "[[grid]]\nseeds = 1\nset.strength = 9\n"  # what is said of ewc goes before what is said of all
    )
    assert specs(tmp_path, text) == [
        ("split-digits:task", "naive", None, 0.1, 5, 4),
        ("split-digits:task", "ewc", 7, 0.1, 5, 4),
        ("split-digits:task", "naive", None, 0.2, 5, 4),
        ("split-digits:class", "naive", None, 0.1, None, 4),
        ("split-digits:class", "ewc", 8, 0.1, None, 4),
        ("split-digits:task", "naive", None, 0.1, 5, 0),
        ("split-digits:task", "ewc", 7, 0.1, 5, 0),
    ]


def test_a_top_without_scenarios_is_what_grids_have_in_common(tmp_path: Path) -> None:
    text = (
        'strategies = ["ewc"]\n[[grid]]\nscenarios = ["split-digits:class"]\n[[grid]]\nscenarios = "split-digits:task"'
    )
    assert [spec[0] for spec in specs(tmp_path, text)] == ["split-digits:class", "split-digits:task"]
    (tmp_path / "s.toml").write_text('strategies = ["ewc"]\n[[grid]]\nlr = 1')
    with pytest.raises(RequestError, match=r"s.toml, grid 1 names no scenarios"):
        read_suite(tmp_path / "s.toml")


def test_a_run_asked_for_twice_is_there_once(tmp_path: Path) -> None:
    assert len(specs(tmp_path, TOP + "lr = [0.1, 0.2]\n[[grid]]\nlr = 0.2\n[[grid]]\nlr = [0.2, 0.3]\nseeds = 2")) == 10


SOME = {
    "scenarios": ["split-digits:task", "split-digits:class", "permuted-digits:domain,tasks=3"],
    "strategies": ["naive", "ewc", "joint"],
    "lr": [0.1, 0.5, 1e-05],
    "batch_size": [1, 10, 32],
    "optimizer": ["sgd", "adam"],
    "seeds": [3, 0, 8],
}


@settings(max_examples=25, deadline=None)
@given(
    asked=st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True) for name, values in SOME.items()}
    ),
    strengths=st.lists(st.sampled_from([0.5, 2, 1e9]), unique=True),
)
def test_every_combination_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, asked: dict[str, list[Any]], strengths: list[float]
) -> None:
    file = tmp_path_factory.mktemp("suite") / "s.toml"
    lines = [f"{name} = {json.dumps(values)}" for name, values in asked.items()]
    if strengths and "ewc" in asked["strategies"]:
        lines.append(f"set.strength = {json.dumps(strengths)}")
    file.write_text("\n".join(lines))
    expected = set()
    for values in itertools.product(*(asked[name] for name in SOME)):
        scenario, strategy, lr, size, optimizer, seed = values
        for strength in (strengths or [100.0]) if strategy == "ewc" else [None]:
            expected.add((scenario, strategy, strength, lr, size, optimizer, seed))
    found = read_suite(file)
    told = [
        (
            spec.scenario,
            spec.strategy,
            spec.hyperparameters.get("strength"),
            spec.lr,
            spec.batch_size,
            spec.optimizer,
            spec.seeds.init,
        )
        for spec in found
    ]
    assert set(told) == expected
    assert len(told) == len(expected)
    # Runs of an entry follow each other, in the order of the seeds.
    entries = [spec.group for spec in found]
    assert [key for key, _ in itertools.groupby(entries)] == list(dict.fromkeys(entries))
    assert [spec.seeds.init for spec in found] == asked["seeds"] * len(set(entries))
    assert len({request.folder for request in requests_for(found, Path(), [], None, None, 60)}) == len(found)
    assert len({request.name for request in requests_for(found, Path(), [], None, None, 60)}) == len(found)


def test_it_runs_what_is_there_to_run_and_compares(forgetless: Any, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'scenarios = ["split-digits:task", "split-digits:class"]\nstrategies = ["naive", "hat"]\n'
        'iterations = 3\nnetwork = "mlp:8"\nseeds = 2\n'
    )
    planned = forgetless("suite", "s.toml", "--dry-run")
    assert planned.code == 0
    assert "8 runs: 6 to run, 2 refused" in planned.out
    assert not (tmp_path / "runs").exists()
    first = forgetless("suite", "s.toml", "--json", "--post", "board.db")
    assert first.code == 0, first.err
    document = json.loads(first.out)
    assert len(document["records"]) == 6
    assert len(document["entries"]) == 3
    assert [run["strategy"] for run in document["refused"]] == ["hat", "hat"]
    records = [read_record(tmp_path / path) for path in document["records"]]
    assert [(record.spec.scenario, record.spec.strategy, record.spec.seeds.init) for record in records] == [
        ("split-digits:task", "naive", 0),
        ("split-digits:task", "naive", 1),
        ("split-digits:task", "hat", 0),
        ("split-digits:task", "hat", 1),
        ("split-digits:class", "naive", 0),
        ("split-digits:class", "naive", 1),
    ]
    shown = json.loads(forgetless("leaderboard", "show", "--board", "board.db", "--json").out)
    assert [len(protocol["entries"]) for protocol in shown["protocols"]] == [1, 2]
    again = forgetless("suite", "s.toml")
    assert again.code == 0
    assert "6 of 8 runs are there already" in again.err
    assert "records: runs\n" in again.err
    assert again.out.count("naive") >= 2
    # A record of another strategy, as far as anyone can tell, is none of this one.
    path = tmp_path / document["records"][3]
    path.write_text(path.read_text().replace(records[3].strategy_digest, "0" * 64))
    path.with_name("record.json").touch()
    (tmp_path / document["records"][0]).write_text("{}")
    assert "8 runs: 2 to run, 4 completed, 2 refused" in forgetless("suite", "s.toml", "--dry-run").out


def cells(tmp_path: Path) -> list[Cell]:
    (tmp_path / "s.toml").write_text(
        'scenarios = ["split-digits:task", "split-digits:class"]\nstrategies = ["naive", "hat"]'
    )
    requests = requests_for(read_suite(tmp_path / "s.toml"), tmp_path, [], None, None, 60)
    return [*(Cell(request) for request in requests[:3]), Cell(requests[3], refused="hat cannot")]


def test_the_table_counts_what_happens(tmp_path: Path) -> None:
    console = Console(file=StringIO(), force_terminal=True, force_interactive=True, width=110, color_system=None)
    display = SuiteProgress(cells(tmp_path), console=console)

    def rows() -> list[list[str]]:
        drawn = Console(file=StringIO(), width=110, color_system=None)
        drawn.print(display._display())
        return [line.split() for line in drawn.file.getvalue().splitlines()]  # type: ignore[attr-defined]

    head, task, class_, total, *_ = rows()
    assert head == ["completed", "diverged", "failed", "refused", "running", "left"]
    assert (task, class_, total) == (["split-digits:task", "2"], ["split-digits:class", "1", "1"], ["all", "1", "3"])
    display.apply(Started("0", "split-digits:task naive seed 0", 5))
    display.apply(Stepped("0", 1, 5, 10))
    display.apply(Evaluated("0", 0.5))
    display.apply(Started("2", "split-digits:class naive seed 0", 5))
    assert [row[1:] for row in rows()[1:4]] == [["1", "1"], ["1", "1"], ["1", "2", "1"]]
    display.apply(Ended("0", "completed", None))
    display.apply(Ended("2", "diverged", "the loss was nan"))
    display.apply(Ended("1", "failed", "it never began", "split-digits:task hat seed 0"))
    assert [row[1:] for row in rows()[1:4]] == [["1", "1"], ["1", "1"], ["1", "1", "1", "1"]]
    assert display.left == 0
    assert "split-digits:task hat seed 0 failed, 0:00: it never began" in console.file.getvalue()  # type: ignore[attr-defined]


def test_without_a_terminal_there_is_a_line_a_run(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=40)
    with SuiteProgress(cells(tmp_path), console=console) as display:
        display.apply(Started("1", "split-digits:task hat seed 0", 5))
        display.apply(Ended("1", "completed", None))
    assert console.file.getvalue() == "refused: hat cannot\nsplit-digits:task hat seed 0 completed, 0:00\n"  # type: ignore[attr-defined]
