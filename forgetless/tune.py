"""`forgetless tune`: hyper-parameters chosen by a rule that continual learning allows, never on test examples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forgetless import shared, training
from forgetless.concluding import check_places
from forgetless.plan import DEFAULTS, Plan, check, requests_for
from forgetless.space import LR, Range, space_of
from forgetless.threads import AUTO, with_threads
from forgetless.words import parse_settings
from scenarios.errors import RequestError

if TYPE_CHECKING:
    from optuna import Study, Trial

    from benchmark.observers.progress import Progress
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest


class Rule(StrEnum):
    """What of a stream the tuner may see."""

    first_task = "first-task"
    transfer = "transfer"
    open = "open"


FIRST = 2
"""Of how many first tasks, where nobody says: on one alone, what holds on to old tasks has nothing to hold on to."""

SEED = 0
"""Of the search: the same request makes the same trials."""


def tune(
    scenario: Annotated[str, typer.Argument(help="For which the hyper-parameters are, as `split-fashion:class`.")],
    strategy: Annotated[str, typer.Argument(help="By name.")],
    trials: Annotated[int, typer.Option(min=1, help="How many combinations to try; part of the protocol.")],
    rule: Annotated[
        Rule,
        typer.Option(
            help="Try on the first tasks alone (first-task), on another scenario (transfer), or on validation examples "
            "of the whole stream (open)."
        ),
    ] = Rule.first_task,
    tasks: Annotated[int | None, typer.Option(min=1, help=f"Of first-task: how many. [default: {FIRST}]")] = None,
    on: Annotated[str | None, typer.Option(help="Of transfer: the scenario to try on.")] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="Where to look, instead: strength=1..1000 log, lr=0.01|0.1, memory=100..1000."),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A hyper-parameter that is not tuned.")] = None,
    seeds: Annotated[str, typer.Option(help="Of every trial, whose scores are averaged: how many, or which.")] = "1",
    epochs: training.Epochs = None,
    iterations: training.Iterations = None,
    batch_size: training.BatchSize = None,
    optimizer: training.Optimizer = None,
    lr: training.Rate = None,
    momentum: training.Momentum = None,
    weight_decay: training.WeightDecay = None,
    schedule: training.Schedule = None,
    carry_optimizer: training.CarryOptimizer = None,
    network: training.NetworkName = None,
    plugin: shared.Plugins = None,
    data: shared.Data = None,
    device: training.Device = DEFAULTS["device"],
    threads: training.Threads = AUTO,
    jobs: shared.Jobs = 1,
    out: Annotated[Path, typer.Option(help="Folder for the trials' records, and for what is found.")] = Path("runs"),
    as_json: shared.AsJson = False,
    quiet: shared.Quiet = False,
) -> None:
    """Choose hyper-parameters of a strategy; `forgetless run --tuned FILE` then runs with them."""
    from benchmark.observers.progress import Progress
    from benchmark.spec import RunSpec, Tuning
    from forgetless.tuned import Tuned, tuned_path
    from scenarios.registry import load_plugin
    from scenarios.scenario import scenario_reference

    for place in plugin or []:
        load_plugin(place)
    options = {
        "epochs": epochs,
        "iterations": iterations,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "carry_optimizer": carry_optimizer,
        "network": network,
        "properties": "none",
        "device": device,
    }
    place, count = _where(rule, scenario, on, tasks, data)
    around = lr or scenario_reference(scenario).usual.get(LR, RunSpec.model_fields[LR].default)
    fixed = {name.rpartition(".")[2]: values for name, values in parse_settings(settings or []).items()}
    search = _Search(
        place, strategy, seeds, fixed, {**options, "trial": count}, plugin or [], data, threads, jobs, out / "trials"
    )
    ranges = search.ranges(around, space or [])
    check_places(out, None)
    with Progress(trials, quiet=quiet or as_json) as progress:
        tried = search.run(ranges, trials, around, progress)
    best = max(tried, key=lambda trial: trial.score)  # the first of equals, and the first trial is the defaults
    if all(trial.failed for trial in tried):
        raise RequestError(f"all {trials} trials failed, the first because {tried[0].failed}")
    target = Plan(scenario, [strategy], settings=fixed, options=options).specs()[0]
    found = Tuned(
        strategy=strategy,
        scenario=scenario_reference(scenario).text,
        setting=Tuned.setting_of(target),
        tuning=Tuning(
            rule=rule.value,
            scenario=scenario_reference(place).text,
            tasks=count,
            trials=trials,
            space={name: str(each) for name, each in ranges.items()},
            chosen=best.values,
            score=best.score,
            seconds=round(sum(trial.seconds for trial in tried), 1),
        ),
        trials=[trial.document() for trial in tried],
    )
    path = tuned_path(out, found)
    found.write(path)
    if as_json:
        print(json.dumps({"tuned": str(path), **found.model_dump(mode="json")}, allow_nan=False))
        return
    told = ", ".join(f"{name}={_short(value)}" for name, value in best.values.items())
    typer.echo(f"{strategy}: {told} (validation accuracy {100 * best.score:.1f} % after task {count})")
    typer.echo(f"forgetless run {scenario} {strategy} --tuned {path}", err=True)


def _where(rule: Rule, scenario: str, on: str | None, tasks: int | None, data: Path | None) -> tuple[str, int]:
    """The scenario to try on, and how many of its tasks.

    Raises:
        RequestError: where the rule and what is asked for do not fit.
    """
    from benchmark.run import load_scenario
    from scenarios.scenario import scenario_reference

    if (rule is Rule.transfer) != (on is not None):
        raise RequestError("--on SCENARIO says where to try with --rule transfer, and goes with it alone")
    if tasks is not None and rule is not Rule.first_task:
        raise RequestError(f"--tasks goes with --rule first-task: {rule} tries on all tasks")
    place = on or scenario
    if on is not None and scenario_reference(on).text == scenario_reference(scenario).text:
        raise RequestError(f"--on {on} is the scenario itself: transfer tries on another")
    if rule is Rule.first_task:
        return place, tasks or FIRST
    return place, len(load_scenario(scenario_reference(place).text, None, data).tasks)


@dataclass(frozen=True)
class _Tried:
    """A trial: its values, its score and what it cost."""

    values: dict[str, Any]
    score: float
    seconds: float
    diverged: int
    failed: str | None

    def document(self) -> dict[str, Any]:
        return {"values": self.values, "score": self.score, "diverged": self.diverged, "failed": self.failed}


@dataclass(frozen=True)
class _Search:
    """Trials of a strategy."""

    scenario: str
    strategy: str
    seeds: str
    fixed: Mapping[str, Sequence[str]]
    options: Mapping[str, Any]
    plugins: Sequence[str]
    data: Path | None
    threads: str
    jobs: int
    out: Path

    def ranges(self, lr: float, given: Sequence[str]) -> dict[str, Range]:
        """Where to look, once it is clear that a trial with the defaults can be made."""
        from strategies.strategy import hyperparameters_of

        if several := [name for name, values in self.fixed.items() if len(values) > 1]:
            raise RequestError(f"--set {several[0]}: give one value, or --space {several[0]}=a|b to look among several")
        self.requests([{LR: lr}])
        return space_of(hyperparameters_of(self.strategy), lr, given, list(self.fixed))

    def requests(self, values: Sequence[Mapping[str, Any]], first: int = 1) -> list[list["RunRequest"]]:
        """The runs of trials, checked: one list a trial. The first trial has the number `first`."""
        found: list[list[RunRequest]] = []
        for each in values:
            own = {name: (str(value),) for name, value in each.items() if name != LR}
            plan = Plan(
                self.scenario,
                [self.strategy],
                self.seeds,
                settings={**self.fixed, **own},
                options={**self.options, LR: each[LR]},
            )
            specs = plan.specs()
            check(specs, self.data)
            specs = with_threads(specs, self.threads, self.jobs, self.data)
            label = f"trial {len(found) + first}"
            runs = requests_for(specs, self.out, self.plugins, self.data, None, 60.0)
            found.append([replace(run, label=f"{label} seed {run.spec.seeds.init}") for run in runs])
        return found

    def run(self, ranges: Mapping[str, Range], trials: int, lr: float, progress: "Progress") -> list[_Tried]:
        """All trials; the first is that of the defaults, where they lie in the space."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
        defaults = self.defaults(lr)
        if all(each.holds(defaults[name]) for name, each in ranges.items()):
            study.enqueue_trial({name: defaults[name] for name in ranges})
        tried: list[_Tried] = []
        while len(tried) < trials:
            asked = [study.ask() for _ in range(min(self.jobs, trials - len(tried)))]
            tried += self.some(study, asked, ranges, lr, progress)
        return tried

    def defaults(self, lr: float) -> dict[str, Any]:
        from strategies.strategy import hyperparameters_of

        return {name: option.default for name, option in hyperparameters_of(self.strategy).items()} | {LR: lr}

    def some(
        self, study: "Study", asked: Sequence["Trial"], ranges: Mapping[str, Range], lr: float, progress: "Progress"
    ) -> list[_Tried]:
        """Trials that are made at the same time; those whose records are there already are not made again."""
        from benchmark.execution.local import run_all
        from benchmark.keeping import finished
        from benchmark.run import load_scenario

        values = [{name: each.suggest(trial, name) for name, each in ranges.items()} for trial in asked]
        groups = self.requests([{LR: lr, **each} for each in values], asked[0].number + 1)
        requests = [request for group in groups for request in group]
        made: dict[Path, RunRecord | None] = {}
        for request in requests:
            spec = request.spec
            scenario = load_scenario(spec.scenario, spec.seeds.classes, self.data, spec.trial)
            made[request.folder] = finished(request, scenario)
        left = [request for request in requests if made[request.folder] is None]
        made |= dict(zip([request.folder for request in left], run_all(left, self.jobs, progress.apply), strict=True))
        tried = []
        for trial, own, group in zip(asked, values, groups, strict=True):
            found = _tried(own, [record for request in group if (record := made[request.folder])])
            study.tell(trial, found.score)
            tried.append(found)
        return tried


def _tried(values: dict[str, Any], records: Sequence["RunRecord"]) -> _Tried:
    """What a trial came to. A run that diverged, or failed, has learned nothing that could be used: it counts 0."""
    scores = [record.metrics.get("average_accuracy") if record.status == "completed" else 0.0 for record in records]
    failed = next((record.reason for record in records if record.status == "failed"), None)
    return _Tried(
        values,
        sum(score or 0.0 for score in scores) / len(records),
        sum(cost.seconds for record in records for cost in record.costs),
        sum(record.status == "diverged" for record in records),
        failed,
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
