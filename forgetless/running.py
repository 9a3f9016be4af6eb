"""`forgetless run`: strategies on a scenario, over seeds, measured and compared."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forgetless.plan import ClassOrder, Plan
from forgetless.threads import AUTO, with_threads
from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.record import RunRecord
    from benchmark.request import RunRequest

DEFAULT_EPOCHS = 5


class Optimizer(StrEnum):
    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"


class Schedule(StrEnum):
    constant = "constant"
    plateau = "plateau"


class Tracker(StrEnum):
    wandb = "wandb"


def run(
    scenario: Annotated[str, typer.Argument(help="As `split-fashion:class,tasks=5`; see `forgetless list`.")],
    strategies: Annotated[list[str], typer.Argument(help="One or more, by name.")],
    seeds: Annotated[str, typer.Option(help="How many (5 is 0 to 4), or which (0,3,7).")] = "1",
    class_order: Annotated[
        ClassOrder, typer.Option(help="The source's own, or drawn by each seed (permutations as well).")
    ] = ClassOrder.canonical,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A hyper-parameter: smax=400, or ewc.strength=100.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help=f"Passes over each task's examples. [default: {DEFAULT_EPOCHS}]")
    ] = None,
    iterations: Annotated[int | None, typer.Option(help="Steps a task, instead of epochs.")] = None,
    batch_size: Annotated[int, typer.Option(help="Examples of the task in a step.")] = 10,
    optimizer: Annotated[Optimizer, typer.Option(help="What follows the gradients.")] = Optimizer.sgd,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 0.05,
    momentum: Annotated[float, typer.Option(help="Of sgd.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(help="L2 decay (decoupled with adamw).")] = 0.0,
    schedule: Annotated[
        Schedule, typer.Option(help="plateau: drop the rate and stop early by validation loss.")
    ] = Schedule.constant,
    carry_optimizer: Annotated[
        bool, typer.Option("--carry-optimizer", help="Keep the optimiser's state from task to task.")
    ] = False,
    network: Annotated[str, typer.Option(help="As `mlp:400x400,dropout=0.5`, `cnn`, `resnet18`.")] = "mlp:400x400",
    properties: Annotated[str, typer.Option(help="all, none, or names joined by commas.")] = "none",
    evaluate_every: Annotated[
        int | None, typer.Option(help="Also test after every so many steps within a task.")
    ] = None,
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers more.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where data sets are looked for first.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[
        str, typer.Option(help="Of each run's process: a number, or auto: two where a step has work for them.")
    ] = AUTO,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each in a process of its own.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the runs' records.")] = Path("runs"),
    checkpoint_every: Annotated[
        float, typer.Option(min=0, help="Seconds between checkpoints within a task; see `forgetless resume`.")
    ] = 60.0,
    track: Annotated[Tracker | None, typer.Option(help="Follow the runs there as well.")] = None,
    post: Annotated[str | None, typer.Option(help="A leaderboard to post the records to: file or URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Run strategies on a scenario, one run a seed, and compare them."""
    from benchmark.execution.local import run_all
    from benchmark.observers.progress import Progress
    from benchmark.request import RunRequest, run_folder
    from leaderboard.store import Store
    from scenarios.registry import load_plugin

    for place in plugin or []:
        load_plugin(place)
    budget = {"epochs": epochs, "iterations": iterations}
    if epochs is None and iterations is None:
        budget["epochs"] = DEFAULT_EPOCHS
    plan = Plan(
        scenario,
        strategies,
        seeds,
        class_order,
        settings or [],
        {
            **budget,
            "batch_size": batch_size,
            "optimizer": optimizer.value,
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "schedule": schedule.value,
            "carry_optimizer": carry_optimizer,
            "network": network,
            "properties": properties,
            "evaluate_every": evaluate_every,
            "device": device,
        },
    )
    specs = plan.specs()
    plan.check(specs, data)
    specs = with_threads(specs, threads, jobs, data)
    if post is not None:
        Store(post).check()
    _check_writable(out)
    plugins = tuple(str(Path(place).resolve()) if Path(place).is_file() else place for place in plugin or [])
    requests = [
        RunRequest(spec, run_folder(out, spec), plugins, data, track.value if track else None, checkpoint_every)
        for spec in specs
    ]
    with Progress(len(requests), quiet=quiet or as_json) as progress:
        records = run_all(requests, jobs, progress.apply)
    conclude(requests, records, post, as_json=as_json)


def _check_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RequestError(f"--out {out} cannot be written to: {error.strerror or error}") from None


def _with_groups(requests: list["RunRequest"], records: list["RunRecord"]) -> list["RunRecord"]:
    """The same records, with the properties that need several runs of a group added and written.

    Runs that were resumed are compared with those of their group that were not interrupted, too.
    """
    from benchmark.measuring import compare_runs
    from benchmark.record import read_record

    known = {request.folder: record for request, record in zip(requests, records, strict=True)}
    for request in requests:
        if request.resume:
            for path in request.folder.parent.glob("*/record.json"):
                known.setdefault(path.parent, read_record(path))
    groups: dict[str, list[Path]] = {}
    for folder, record in sorted(known.items()):
        if record.status == "completed":
            groups.setdefault(record.spec.group, []).append(folder)
    for folders in groups.values():
        for folder, record in zip(folders, compare_runs(folders, [known[each] for each in folders]), strict=True):
            if record is not known[folder]:
                record.write(folder / "record.json")
                known[folder] = record
    return [known[request.folder] for request in requests]


def conclude(requests: list["RunRequest"], records: list["RunRecord"], post: str | None, *, as_json: bool) -> None:
    """Post the records, print how the strategies compare, and end with the right exit code."""
    from forgetless.tables import print_tables
    from leaderboard.board import row_document, tables
    from leaderboard.store import Store

    records = _with_groups(requests, records)
    results = [record for record in records if record.status != "failed"]
    found = tables(results)
    if post is not None and results:
        Store(post).post(results)
    if as_json:
        entries = [row_document(row) for table in found for row in table.rows]
        paths = [str(request.folder / "record.json") for request in requests]
        print(json.dumps({"records": paths, "entries": entries}, allow_nan=False))
    else:
        print_tables(found)
        typer.echo(f"records: {requests[0].folder.parents[1]}", err=True)
    failures = [record for record in records if record.status == "failed"]
    for record in failures:
        typer.echo(f"{record.spec.strategy} seed {record.spec.seeds.init} failed: {record.reason}", err=True)
    if failures:
        raise typer.Exit(1)
