"""Every strategy has a page, made of its source and of what is kept."""

import json
import tomllib
from pathlib import Path

import pytest

from fidelity import comparison, strategy_pages
from fidelity.records import Book
from fidelity.standing import standing
from fidelity.targets import read_targets
from forgetless.listing import Listed, things
from strategies.strategy import hyperparameters_of


def test_the_committed_pages_are_what_sources_and_records_say() -> None:
    book = Book()
    expected = strategy_pages.pages([standing(row, book) for row in read_targets()])
    found = {path.name: path.read_text(encoding="utf-8") for path in strategy_pages.FOLDER.glob("*.md")}
    assert found == expected, "run python -m fidelity --write"


def test_every_strategy_has_a_known_failure_and_no_failure_is_of_none() -> None:
    assert sorted(strategy_pages.failures()) == sorted(strategy_pages.names())


@pytest.mark.parametrize("name", strategy_pages.names())
def test_every_hyperparameter_is_explained(name: str) -> None:
    text = strategy_pages.page(name, "It fails.", [])
    for option in hyperparameters_of(name):
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{option}` "))
        assert len(line.split("|")[3].strip()) > 1, f"the docstring of {name} does not say what {option} is"


def test_the_comparison_has_every_strategy_that_can_learn_without_being_told_the_task() -> None:
    asked = tomllib.loads(Path(comparison.__file__).with_suffix(".toml").read_text())["strategies"]
    able = [item["name"] for item in things(Listed.strategies) if strategy_pages.own(item) and "class" in item["kinds"]]
    assert sorted(asked) == sorted(able)


def test_the_committed_comparison_is_what_its_figures_say() -> None:
    found = json.loads(comparison.JSON.read_text(encoding="utf-8"))
    assert comparison.PAGE.read_text(encoding="utf-8") == comparison.page(found), "run python -m fidelity.comparison"


def test_a_run_that_diverged_is_named_and_not_averaged() -> None:
    run = {"status": "completed", "hyperparameters": {}, "seconds": 2.0, "examples": 10, "bytes": 0}
    ours = [{**run, "accuracy": accuracy, "forgetting": 0.5} for accuracy in (0.2, 0.4)]
    lost = {**run, "status": "diverged", "accuracy": None, "forgetting": None}
    about = {"network": "n", "lr": 1, "batch_size": 1, "epochs": 1, "seeds": [0, 1], "machine": "m"}
    text = comparison.page({**about, "strategies": {"naive": ours, "ewc": [*ours, lost], "l2": [lost]}})
    assert "| [ewc](strategies/ewc.md) |  | 30.0 ± 127.1 | 50.0 ± 0.0 | 1.0 × | 1.0 × | 0 | 2, 1 diverged |" in text
    assert "| [l2](strategies/l2.md) |  | – | – | – | – | – | 0, 1 diverged |" in text
