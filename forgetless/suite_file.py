"""Suites: a TOML file that asks for many runs, read into the plans that a command line makes one of.

    scenarios = ["split-digits:task", "split-digits:class"]
    strategies = ["naive", "ewc", "hat"]
    seeds = 3                        # or the seeds themselves: [0, 3, 7]
    epochs = 5
    properties = ["calibration"]

    [set]                            # hyper-parameters, for each strategy that has them
    ewc.strength = [1, 10, 100]      # or for one

    [[grid]]                         # further runs, which differ from those above by what stands here
    scenarios = ["permuted-digits:domain,tasks=20"]
    lr = [0.01, 0.1]

Keys are called as the options of `forgetless run`, values are checked as they are there. A list makes runs with
each of its values; of `properties` all are measured in each run.
"""

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forgetless.plan import ClassOrder, Plan
from forgetless.words import MOST_RUNS
from scenarios.errors import RequestError
from scenarios.options import suggestion

if TYPE_CHECKING:
    from benchmark.spec import RunSpec

Words = Mapping[str, Sequence[str]]
"""Keys with their values, spelled as on a command line."""


@dataclass(frozen=True)
class Grid:
    """What the top of a file, or a `[[grid]]` together with it, asks for.

    Attributes:
        where: in an error message.
        words: but for the hyper-parameters.
        settings: the hyper-parameters, by `name` or `strategy.name`.
    """

    where: str
    words: Words
    settings: dict[str, list[str]]

    def takes(self, setting: str) -> bool:
        """Whether one of its strategies has the hyper-parameter."""
        from strategies.strategy import hyperparameters_of

        owner, _, option = setting.rpartition(".")
        with _at(self.where):
            return any(option in hyperparameters_of(name) for name in self.words["strategies"] if owner in ("", name))

    def specs(self) -> list["RunSpec"]:
        """One specification a run."""
        varied = {
            name: values for name, values in self.words.items() if name not in ("strategies", "seeds", "properties")
        }
        if math.prod(len(values) for values in varied.values()) > MOST_RUNS:
            raise RequestError(f"{self.where} asks for more than {MOST_RUNS} runs")
        seeds = ",".join(self.words.get("seeds", ["1"]))
        measured = {"properties": ",".join(self.words["properties"])} if "properties" in self.words else {}
        specs = []
        for values in itertools.product(*varied.values()):
            options: dict[str, Any] = {**measured, **dict(zip(varied, values, strict=True))}
            scenario, order = options.pop("scenarios"), options.pop("class_order", ClassOrder.canonical.value)
            with _at(self.where):
                if order not in list(ClassOrder):
                    raise RequestError(f"class_order={order} is not possible: it can be {' or '.join(ClassOrder)}")
                plan = Plan(scenario, self.words["strategies"], seeds, ClassOrder(order), self.settings, options)
                specs += plan.specs()
        return specs


def read_suite(path: Path) -> list["RunSpec"]:
    """The runs that a file asks for, in its order; one that is asked for twice is there once.

    Raises:
        RequestError: where the file cannot be read, or says what is not possible: in which table, and why.
    """
    specs: dict[str, RunSpec] = {}
    for grid in _grids(path):
        specs.update({spec.model_dump_json(): spec for spec in grid.specs()})
    if len(specs) > MOST_RUNS:
        raise RequestError(f"{path} asks for {len(specs)} runs, more than {MOST_RUNS}")
    return list(specs.values())


def _grids(path: Path) -> list[Grid]:
    """The grids of a file: its top, where that names scenarios and strategies, and each `[[grid]]`."""
    document = _read(path)
    tables = document.pop("grid", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RequestError(f"{path}: further runs are written as tables [[grid]]")
    top = _grid(document, str(path), further=["grid"])
    grids = [top] if not tables or {"scenarios", "strategies"} <= top.words.keys() else []
    grids += [_inheriting(top, _grid(table, f"{path}, grid {number}")) for number, table in enumerate(tables, 1)]
    for grid in grids:
        for missing in ("scenarios", "strategies"):
            if missing not in grid.words:
                raise RequestError(f'{grid.where} names no {missing}: add {missing} = ["…"]')
    # What the top says of a strategy is for those grids that run it. A slip of the hand is for none.
    for setting, values in list(top.settings.items()):
        inheriting = [grid for grid in grids if grid.settings[setting] is values]
        takers = [grid for grid in inheriting if grid.takes(setting)]
        for grid in inheriting:
            if takers and grid not in takers:
                del grid.settings[setting]
    return grids


def _inheriting(top: Grid, grid: Grid) -> Grid:
    """A grid with what it does not say itself from the top."""
    words = dict(top.words)
    if grid.words.keys() & {"epochs", "iterations"}:  # one budget replaces the other
        words.pop("epochs", None)
        words.pop("iterations", None)
    return Grid(grid.where, {**words, **grid.words}, {**top.settings, **grid.settings})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise RequestError(f"the suite {path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"{path} is not TOML: {error}") from None


def _grid(table: Mapping[str, Any], where: str, further: Sequence[str] = ()) -> Grid:
    """What one table says. Its keys are the fields of a specification, some under the names that options have."""
    from benchmark.spec import RunSpec

    apart = {"scenario", "strategy", "hyperparameters", "evaluation", "trial", "tuning"}
    fields = [name for name in RunSpec.model_fields if name not in apart]
    known = ["scenarios", "strategies", "set", "class_order", *fields, *further]
    words = {}
    for key, value in table.items():
        if key not in known:
            raise RequestError(f"{where}: there is no key {key!r}{suggestion(key, known)}")
        if key != "set":
            words[key] = _values(value, f"{where}: {key}")
    if isinstance(table.get("seeds"), list):
        words["seeds"].append("")  # "5," is seed 5 alone, where "5" is five seeds
    return Grid(where, words, _settings(table.get("set", {}), where))


def _settings(table: Any, where: str) -> dict[str, list[str]]:
    """Hyper-parameters by `name` or `strategy.name`: a dotted key is a table in a table."""
    if not isinstance(table, dict):
        raise RequestError(f"{where}: hyper-parameters are written in a table [set]")
    settings = {}
    for key, value in table.items():
        of_one = (
            {f"{key}.{option}": each for option, each in value.items()} if isinstance(value, dict) else {key: value}
        )
        settings.update({name: _values(each, f"{where}: set.{name}") for name, each in of_one.items()})
    return settings


def _values(value: Any, what: str) -> list[str]:
    """One value or a list of them, as on a command line."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise RequestError(f"{what} is an empty list: give it a value, or leave the key out")
    for each in values:
        if not isinstance(each, str | int | float):
            raise RequestError(
                f"{what}={each} is not possible: give a text, a number, true or false, or a list of them"
            )
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Whatever is not possible is said with the place where it stands."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{where}: {error}") from None
