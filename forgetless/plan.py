"""From words to specifications and requests: everything checked before anything starts.

The words come from a command line (`forgetless run`) or a file (`forgetless suite`); from here on they are one.
"""

import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forgetless.words import MOST_RUNS, Settings, bytes_of, device_of, properties_of, seeds_of
from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.request import RunRequest
    from benchmark.spec import RunSpec
    from scenarios.task import Scenario


class ClassOrder(StrEnum):
    canonical = "canonical"
    seed = "seed"


DEFAULT_EPOCHS = 5
"""The budget of who names none."""

DEFAULTS = {"network": "mlp:400x400", "properties": "none", "device": "auto"}
"""Of the options that are words for something else; the others have their defaults in `RunSpec`."""


@dataclass
class Plan:
    """Strategies on a scenario, as asked for, on their way to specifications.

    Attributes:
        scenario, strategies, seeds, class_order: as given.
        settings: hyper-parameters; every combination of their alternatives is an entry of its own.
        options: the other fields of a specification, as given; what is None counts as not given.
    """

    scenario: str
    strategies: Sequence[str]
    seeds: str = "1"
    class_order: ClassOrder = ClassOrder.canonical
    settings: Settings = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def specs(self) -> list["RunSpec"]:
        """One specification an entry and seed, in this order, everything in them checked but the data.

        Raises:
            RequestError: for whatever is not there or not possible.
        """
        from benchmark.spec import RunSpec
        from scenarios.scenario import scenario_reference
        from strategies.networks.network import network_reference
        from strategies.strategy import alone_of

        reference = scenario_reference(self.scenario)
        given = {name: value for name, value in self.options.items() if value is not None}
        usual = reference.usual
        for budget in ("epochs", "iterations") if given.keys() & {"epochs", "iterations"} else ():
            usual.pop(budget, None)
        fields = {**DEFAULTS, **usual, **given}
        if "epochs" not in fields and "iterations" not in fields:
            fields["epochs"] = DEFAULT_EPOCHS
        fields["scenario"] = reference.text
        fields["network"] = network_reference(fields["network"])
        fields["properties"] = properties_of(fields["properties"])
        fields["device"] = device_of(fields["device"])
        seeds = seeds_of(self.seeds)
        entries = _entries(self.strategies, self.settings)
        if len(seeds) * len(entries) > MOST_RUNS:
            raise RequestError(f"{len(entries)} entries with {len(seeds)} seeds each are more than {MOST_RUNS} runs")
        if "memory_budget" in fields:
            fields["memory_budget"] = bytes_of(fields["memory_budget"])
            entries = _within_budget(entries, self.settings)
        replicas = fields.pop("replicas", False)
        return [
            RunSpec.checked(
                strategy=name,
                hyperparameters=hyperparameters,
                replicas=False if alone_of(name) else replicas,
                seeds={
                    "init": seed,
                    "order": seed,
                    "classes": seed if self.class_order is ClassOrder.seed else None,
                },
                **fields,
            )
            for name, hyperparameters in entries
            for seed in seeds
        ]


def by_scenario(specs: Sequence["RunSpec"], data: Path | None) -> Iterator[tuple["Scenario", list["RunSpec"]]]:
    """The scenarios of runs, each loaded once, with its runs. Each strategy is made once, to see that it can be.

    Raises:
        RequestError: where the data is not there, or a scenario or a strategy cannot be made.
    """
    from benchmark.run import build_strategy, load_scenario

    runs: dict[tuple[str, int | None, int | None], list[RunSpec]] = {}
    for spec in specs:
        runs.setdefault((spec.scenario, spec.seeds.classes, spec.trial), []).append(spec)
    made: set[str] = set()
    told: set[str] = set()
    for (reference, seed, trial), group in runs.items():
        with _making(reference):
            scenario = load_scenario(reference, seed, data, trial)
            if trial is None and reference not in told:  # another seed deals out the same
                told.add(reference)
                _warn_of_leaks(scenario)
        for spec in group:
            if spec.group not in made:
                made.add(spec.group)
                with _making(f"{spec.strategy} with {spec.network}"):
                    build_strategy(spec, scenario)
        yield scenario, group


def _warn_of_leaks(scenario: "Scenario") -> None:
    """Tell a person, before hours are spent, that the figures will look better than they are."""
    from benchmark.record import leak_note

    if leaked := sum(scenario.leaked or ()):
        note = leak_note(leaked, sum(map(len, scenario.test)))
        print(f"{scenario.name}: {note} (see forgetless list scenarios --check {scenario.name})", file=sys.stderr)


def check(specs: Sequence["RunSpec"], data: Path | None) -> None:
    """Make sure that the data is there and that every run can begin.

    Raises:
        RequestError: where one cannot.
    """
    from benchmark.run import check as check_run
    from benchmark.team import check_team, team_key

    teams: dict[str, list[tuple[RunSpec, Scenario]]] = {}
    for scenario, runs in by_scenario(specs, data):
        for spec in runs:
            check_run(spec, scenario)
            if spec.replicas:
                teams.setdefault(team_key(spec), []).append((spec, scenario))
    for team in teams.values():
        check_team(*zip(*team, strict=True))


def requests_for(
    specs: Sequence["RunSpec"],
    out: Path,
    plugins: Sequence[str],
    data: Path | None,
    track: str | None,
    checkpoint_every: float,
) -> list["RunRequest"]:
    """What is handed to those who run: a request a specification, each with its folder and a name of its own."""
    from benchmark.request import RunRequest, run_folder, team_folder
    from benchmark.team import team_key

    teams: dict[str, list[RunSpec]] = {}
    for spec in specs:
        if spec.replicas:
            teams.setdefault(team_key(spec), []).append(spec)
    homes = {key: team_folder(out, team) for key, team in teams.items() if len(team) > 1}
    places = tuple(str(Path(place).resolve()) if Path(place).is_file() else place for place in plugins)
    return [
        RunRequest(
            spec,
            run_folder(out, spec),
            places,
            data,
            track,
            checkpoint_every,
            team=homes.get(team_key(spec)),
            label=label,
        )
        for spec, label in zip(specs, _labels(specs), strict=True)
    ]


Entries = list[tuple[str, dict[str, Any]]]
"""Strategies by name, each with all its hyper-parameters."""


def _entries(strategies: Sequence[str], settings: Settings) -> Entries:
    """Strategies with all their hyper-parameters: one entry for every combination of alternatives."""
    from strategies.strategy import bind_hyperparameters, hyperparameters_of

    if len(set(strategies)) < len(strategies):
        raise RequestError(f"a strategy is named twice in {' '.join(strategies)}")
    known = {name: list(hyperparameters_of(name)) for name in strategies}
    given: dict[str, dict[str, Sequence[str]]] = {name: {} for name in strategies}
    # What is meant for one strategy comes last, and so goes before what is meant for all.
    for key, values in sorted(settings.items(), key=lambda item: "." in item[0]):
        option = key.rpartition(".")[2]
        for name in _takers(key, values, known):
            given[name][option] = values
    entries = []
    for name, alternatives in given.items():
        if math.prod(len(values) for values in alternatives.values()) > MOST_RUNS:
            raise RequestError(f"the alternatives of {name} make more than {MOST_RUNS} runs")
        bound = [
            bind_hyperparameters(name, dict(zip(alternatives, values, strict=True)))
            for values in itertools.product(*alternatives.values())
        ]
        if any(one in bound[:place] for place, one in enumerate(bound)):
            told = " ".join(f"{option}={','.join(values)}" for option, values in alternatives.items())
            raise RequestError(f"{name} {told}: an alternative is there twice")
        entries += [(name, hyperparameters) for hyperparameters in bound]
    return entries


def _within_budget(entries: Entries, settings: Settings) -> Entries:
    """The same entries, with as many remembered examples as the budget in bytes has room for.

    Raises:
        RequestError: where their number is given as well.
    """
    from benchmark.spec import MEMORY

    for key in settings:
        if key.rpartition(".")[2] == MEMORY:
            raise RequestError(f"--set {key}: with --memory, the bytes say how many examples are remembered")
    return [(name, {each: None if each == MEMORY else value for each, value in own.items()}) for name, own in entries]


def _takers(key: str, values: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """The strategies that a setting is for: the one it names, or all that have the hyper-parameter."""
    from scenarios.options import suggestion
    from strategies.catalogue import parts_of

    owner, dot, option = key.rpartition(".")
    told = f"{key}={','.join(values)}"
    takers = [name for name in known if not dot or owner == name or owner in parts_of(name)]
    if not takers:
        raise RequestError(f"{told}: {owner!r} is not run here{suggestion(owner, known)}")
    having = [name for name in takers if option in known[name]]
    if not having:
        options = {other for name in takers for other in known[name]}
        raise RequestError(
            f"{told}: none of {', '.join(takers)} has a hyper-parameter {option!r}{suggestion(option, options)}"
        )
    return having


def _labels(specs: Sequence["RunSpec"]) -> list[str]:
    """What tells each run from the others: `ewc strength=100 seed 0`, after its scenario where there are several."""
    from scenarios.options import spelled

    fields = [
        spec.model_dump(exclude={"scenario", "strategy", "hyperparameters", "seeds"}) | spec.hyperparameters
        for spec in specs
    ]
    values: dict[tuple[str, str], dict[str, set[str]]] = {}
    for spec, own in zip(specs, fields, strict=True):
        known = values.setdefault((spec.scenario, spec.strategy), {})
        for name, value in own.items():
            known.setdefault(name, set()).add(repr(value))
    several = len({spec.scenario for spec in specs}) > 1
    labels = []
    for spec, own in zip(specs, fields, strict=True):
        known = values[spec.scenario, spec.strategy]
        told = {name: value for name, value in own.items() if len(known[name]) > 1 and value is not None}
        differing = [f"{name}={spelled(value)}" for name, value in told.items()]
        scenario = [spec.scenario] if several else []
        labels.append(" ".join([*scenario, spec.strategy, *differing, f"seed {spec.seeds.init}"]))
    return labels


@contextmanager
def _making(what: str) -> Iterator[None]:
    """Whatever a plug-in raises while something is made becomes one line that names it."""
    try:
        yield
    except RequestError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RequestError(f"{what} cannot be made: {type(error).__name__}: {reason}") from error
