"""Whatever is wrong with a request: one line, exit code 2, and nothing started."""

import sqlite3
from pathlib import Path

import pytest

QUICK = ("--iterations", "2", "--network", "mlp:8", "--quiet")
RUN = ("run", "split-digits:task", "naive", *QUICK)

BAD = [
    # what is asked for, and what the line must say
    (("run", "split-digit", "naive"), "no scenario 'split-digit'; did you mean 'split-digits'?"),
    (
        ("run", "split-digits:tsk", "naive"),
        "kind=tsk is not possible: input should be 'task', 'domain' or 'class'",
    ),
    (("run", "split-digits:task,taks=5", "naive"), "no option 'taks'; did you mean 'tasks'?"),
    (("run", "split-digits:task,tasks=many", "naive"), "tasks=many is not possible"),
    (("run", "split-digits:task,tasks=0", "naive"), "tasks=0 is not possible"),
    (("run", "split-digits:task,tasks=20", "naive"), "10 classes do not divide into 20 equal tasks"),
    (("run", "split-digits:task,tasks=3", "naive"), "tasks can be 1, 2, 5, 10"),
    (("run", "split-digits:task,validation=1.5", "naive"), "validation=1.5 is not possible"),
    (("run", "split-digits:task,validation=0.001", "naive"), "choose another share"),
    (("run", "split-digits:task,tasks=5,tasks=2", "naive"), "gives 'tasks' twice"),
    (("run", "split-digits:task", "naiv"), "no strategy 'naiv'; did you mean 'naive'?"),
    (("run", "split-digits:task", "naive", "naive"), "named twice"),
    (("run", "split-digits:class", "hat"), "ask for the same scenario with kind 'task'"),
    (("run", "split-digits:domain", "naive", "hat"), "ask for the same scenario with kind 'task'"),
    (("run", "split-digits:task", "hat", "--carry-optimizer"), "leave out --carry-optimizer"),
    ((*RUN, "--set", "strength=1"), "none of naive has a hyper-parameter 'strength'"),
    (("run", "split-digits:task", "ewc", "--set", "strenth=1"), "did you mean 'strength'?"),
    (("run", "split-digits:task", "ewc", "--set", "strength=much"), "strength=much is not possible"),
    (("run", "split-digits:task", "ewc", "--set", "strength=-1"), "strength=-1 is not possible"),
    (("run", "split-digits:task", "ewc", "--set", "strength=nan"), "strength=nan is not possible"),
    (
        ("run", "split-digits:task", "ewc", "--set", "fisher=exact"),
        "should be 'true', 'sampled', 'empirical' or 'weighted'",
    ),
    (("run", "split-digits:task", "ewc", "--set", "hat.smax=4"), "'hat' is not run here"),
    (("run", "split-digits:task", "ewc", "--set", "strength"), "write it as name=value"),
    (("run", "split-digits:task", "ewc", "--set", "strength=1,much,3"), "strength=much is not possible"),
    (("run", "split-digits:task", "ewc", "--set", "strength=1,,3"), "strength= is not possible"),
    (("run", "split-digits:task", "ewc", "--set", "strength=1,2,1.0"), "ewc strength=1,2,1.0: an alternative is there"),
    (("run", "split-digits:task", "ewc", "--set", "strength=1", "--set", "strength=2"), "written strength=value,value"),
    (
        ("run", "split-digits:task", "ewc", "--seeds", "5000", "--set", "strength=1,2,3"),
        "3 entries with 5000 seeds each are more than 10000 runs",
    ),
    (("run", "split-digits:task", "rehearsal", "--set", "memory=1.5"), "memory=1.5 is not possible"),
    ((*RUN, "--batch-size", "0"), "batch_size=0 is not possible"),
    ((*RUN, "--lr", "-1"), "lr=-1.0 is not possible"),
    ((*RUN, "--lr", "nan"), "lr=nan is not possible"),
    ((*RUN, "--lr", "fast"), "Invalid value for '--lr'"),
    ((*RUN, "--epochs", "3"), "give epochs or iterations, one of the two"),
    (("run", "split-digits:task", "naive", "--epochs", "0"), "epochs=0 is not possible"),
    ((*RUN, "--momentum", "0.9", "--optimizer", "adam"), "momentum is an option of sgd"),
    ((*RUN, "--optimizer", "adagrad"), "Invalid value for '--optimizer'"),
    ((*RUN, "--seeds", "0"), "at least one is needed"),
    ((*RUN, "--seeds", "1,1"), "names a seed twice"),
    ((*RUN, "--seeds", "-3"), "give a number of seeds"),
    ((*RUN, "--seeds", "a"), "give a number of seeds"),
    ((*RUN, "--seeds", "9" * 30), "at most 18 digits"),
    ((*RUN, "--seeds", "99999999"), "more than 10000 runs"),
    ((*RUN, "--batch-size", "1" + "0" * 23), "is not possible"),
    ((*RUN, "--threads", "1000000"), "threads=1000000 is not possible"),
    ((*RUN, "--device", "meta"), "device=meta is not to be had here"),
    ((*RUN, "--network", "mlq:40"), "no network 'mlq'; did you mean 'mlp'?"),
    ((*RUN, "--network", "mlp:4x"), "hidden=4x is not possible"),
    ((*RUN, "--network", "mlp:99999999999999"), "naive with mlp:99999999999999 cannot be made"),
    ((*RUN, "--network", "mlp:4,dropuot=0.5"), "did you mean 'dropout'?"),
    ((*RUN, "--network", "mlp:4,dropout=2"), "dropout=2 is not possible"),
    ((*RUN, "--properties", "adverserial"), "no property 'adverserial'; did you mean 'adversarial'?"),
    ((*RUN, "--properties", "adversarial:epsilon=-1"), "epsilon=-1 is not possible"),
    ((*RUN, "--evaluate", "some"), "evaluate='some' is not possible: it should be all, seen, or sample=K"),
    ((*RUN, "--evaluate", "sample=0"), "evaluate='sample=0' is not possible"),
    ((*RUN, "--evaluate-every", "0"), "evaluate_every=0 is not possible"),
    ((*RUN, "--device", "tpu7"), "device=tpu7 is not to be had here"),
    ((*RUN, "--device", "cuda:99"), "device=cuda:99 is not to be had here"),
    ((*RUN, "--threads", "0"), "threads=0 is not possible"),
    ((*RUN, "--threads", "-1"), "threads=-1 is not possible"),
    ((*RUN, "--threads", "some"), "--threads some: give a number, or auto"),
    ((*RUN, "--jobs", "0"), "Invalid value for '--jobs'"),
    ((*RUN, "--track", "tensorboard"), "Invalid value for '--track'"),
    (("run", "split-digits:task,validation=0", "naive", "--schedule", "plateau"), "give it a share"),
    ((*RUN, "--plugin", "missing.py"), "the plug-in missing.py is not there"),
    ((*RUN, "--plugin", "no_such_module"), "the plug-in no_such_module fails to import"),
    (
        ("run", "split-fashion", "naive", "--data", "/nowhere"),
        "/nowhere does not hold Fashion-MNIST, which is train-images",
    ),
    (("run", "split-digits:task"), "Missing argument"),
    (("list", "strategeis"), "Invalid value"),
    (("list", "--plugin", "missing.py"), "the plug-in missing.py is not there"),
    (("lsit",), "No such command 'lsit'"),
    (("run", "split-digits:task", "naive", "--epoch", "3"), "No such option"),
    (("leaderboard", "show", "--board", "none.db"), "no board at none.db"),
    (("leaderboard", "post", "none.json", "--board", "b.db"), "none.json"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_it_is_one_line_that_says_what_would_be_right(forgetless, tmp_path: Path, arguments, says) -> None:  # type: ignore[no-untyped-def]
    result = forgetless(*arguments)
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.startswith("forgetless: ")
    assert result.err.count("\n") == 1, result.err
    assert says in result.err
    assert list(tmp_path.iterdir()) == [], "something was written"


PLUGINS = {
    "syntax.py": ("def x(:\n", "SyntaxError"),
    "raises.py": ("1 / 0\n", "ZeroDivisionError: division by zero, line 1"),
    "exits.py": ("import sys\nsys.exit(3)\n", "SystemExit: 3, line 2"),
    "imports.py": ("import no_such_thing\n", "ModuleNotFoundError"),
    "typed.py": (
        (
            "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
            "from strategies.strategy import Strategy, register\n\nif TYPE_CHECKING:\n    from pathlib import Path\n\n"
            "\n@register('typed')\nclass Typed(Strategy):\n    def __init__(self, network, *, a: Path | None = None):\n"
            "        super().__init__(network)\n"
        ),
        "the options of Typed cannot be read",
    ),
    "taken.py": (
        "from strategies.strategy import Strategy, register\n\n\n@register('ewc')\nclass Mine(Strategy):\n    pass\n",
        "the strategy name 'ewc' is taken by strategies.ewc",
    ),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_that_does_not_work_is_one_line(forgetless, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    source, says = PLUGINS[name]
    (tmp_path / name).write_text(source)
    strategy = "typed" if name == "typed.py" else "naive"
    result = forgetless("run", "split-digits:task", strategy, *QUICK, "--plugin", name)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert says in result.err
    assert not (tmp_path / "runs").exists()


def test_a_scenario_that_breaks_is_one_line(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "boom.py").write_text(
        "from scenarios.scenario import register\n\n\n@register('boom')\n"
        "def boom(seed):\n    raise ValueError('kaputt')\n"
    )
    result = forgetless("run", "boom", "naive", *QUICK, "--plugin", "boom.py")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "boom cannot be made: ValueError: kaputt" in result.err


def test_a_board_that_is_no_database_is_noticed_before_anything_runs(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "notes.db").write_text("these are my notes, not a database\n" * 40)
    result = forgetless(*RUN, "--post", "notes.db")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "notes.db" in result.err
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "notes.db").read_text().startswith("these are my notes")


def test_a_database_of_something_else_is_left_alone(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("create table birds (name text)")
    connection.commit()
    connection.close()
    result = forgetless(*RUN, "--post", "other.db")
    assert (result.code, result.err.count("\n")) == (2, 1)
    connection = sqlite3.connect(tmp_path / "other.db")
    assert [name for (name,) in connection.execute("select name from sqlite_master")] == ["birds"]
    connection.close()


def test_a_place_that_cannot_be_written_is_noticed_before_anything_runs(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").touch()
    result = forgetless(*RUN, "--out", "file/runs")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "--out file/runs cannot be written to" in result.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "its schema is None"),
        ("[1, 2]", "its schema is None"),
        ("not json", "it is not JSON"),
        ('{"schema": "mteb/2"}', "its schema is 'mteb/2'"),
        ('{"schema": "forgetless.record/1", "status": "completed"}', "is no valid record"),
    ],
)
def test_a_foreign_record_is_not_posted(forgetless, tmp_path: Path, content: str, says: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "record.json").write_text(content)
    result = forgetless("leaderboard", "post", "record.json", "--board", "b.db")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "record.json" in result.err
    assert says in result.err
    assert not (tmp_path / "b.db").exists()


def test_an_unknown_metric_names_the_nearest(forgetless, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert forgetless(*RUN, "--post", "b.db").code == 0
    result = forgetless("leaderboard", "show", "--board", "b.db", "--metric", "average_acuracy")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "did you mean 'average_accuracy'?" in result.err
