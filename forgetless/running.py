"""`forgetless run`: strategies on a scenario, over seeds, measured and compared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forgetless.concluding import check_places, conclude
from forgetless.plan import DEFAULT_EPOCHS, DEFAULTS, ClassOrder, Plan, check, requests_for
from forgetless.threads import AUTO, with_threads
from forgetless.words import parse_settings


class Optimizer(StrEnum):
    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"


class Schedule(StrEnum):
    constant = "constant"
    plateau = "plateau"


class Compile(StrEnum):
    auto = "auto"
    on = "on"
    off = "off"


class Tracker(StrEnum):
    wandb = "wandb"


def run(
    scenario: Annotated[
        str,
        typer.Argument(help="As `split-fashion:class,tasks=5` (see `forgetless list`), or the path of your own data."),
    ],
    strategies: Annotated[list[str], typer.Argument(help="One or more, by name.")],
    seeds: Annotated[str, typer.Option(help="How many (5 is 0 to 4), or which (0,3,7).")] = "1",
    class_order: Annotated[
        ClassOrder, typer.Option(help="The source's own, or drawn by each seed (permutations as well).")
    ] = ClassOrder.canonical,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A hyper-parameter: smax=400, ewc.strength=1,10,100.")
    ] = None,
    tuned: Annotated[
        list[Path] | None, typer.Option(help="What `forgetless tune` found for one of the strategies.")
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
    memory: Annotated[
        str | None,
        typer.Option(help="Budget for all that is remembered (examples, importances, copies, masks): 200kB, 1MB."),
    ] = None,
    network: Annotated[str, typer.Option(help="As `mlp:400x400,dropout=0.5`, `cnn`, `resnet18`.")] = DEFAULTS[
        "network"
    ],
    properties: Annotated[str, typer.Option(help="all, none, or names joined by commas.")] = DEFAULTS["properties"],
    evaluate: Annotated[
        str,
        typer.Option(
            metavar="all|seen|sample=K",
            help="On which tasks to test after each task: all, those seen, or the newest and K earlier ones; "
            "on all after the last. For hundreds of tasks, sample=10.",
        ),
    ] = "all",
    evaluate_every: Annotated[
        int | None, typer.Option(help="Also test after every so many steps within a task.")
    ] = None,
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers more.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where data sets are looked for first.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = DEFAULTS["device"],
    threads: Annotated[
        str, typer.Option(help="Of each run's process: a number, or auto: two where a step has work for them.")
    ] = AUTO,
    compile_: Annotated[
        Compile, typer.Option("--compile", help="Compile whole steps; auto: where a run has enough of them.")
    ] = Compile.auto,
    replicas: Annotated[
        bool,
        typer.Option(
            "--replicas", help="Train seeds, and real values of hyper-parameters, at once in one stacked network."
        ),
    ] = False,
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
    """Run strategies on a scenario, one run an entry and seed, and compare them."""
    from benchmark.execution.local import limits, run_all
    from benchmark.observers.progress import Progress
    from forgetless.tuned import with_tuned
    from scenarios.registry import load_plugin
    from strategies.strategy import alone_of

    for place in plugin or []:
        load_plugin(place)
    plan = Plan(
        scenario,
        strategies,
        seeds,
        class_order,
        parse_settings(settings or []),
        {
            "epochs": epochs,
            "iterations": iterations,
            "batch_size": batch_size,
            "optimizer": optimizer.value,
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "schedule": schedule.value,
            "carry_optimizer": carry_optimizer,
            "memory_budget": memory,
            "network": network,
            "properties": properties,
            "evaluate": evaluate,
            "evaluate_every": evaluate_every,
            "device": device,
            "compile": compile_.value,
            "replicas": replicas,
        },
    )
    specs = with_tuned(plan.specs(), tuned or [], settings or [])
    check(specs, data)
    specs = with_threads(specs, threads, jobs, data)
    check_places(out, post)
    requests = requests_for(specs, out, plugin or [], data, track.value if track else None, checkpoint_every)
    with Progress(len(requests), quiet=quiet or as_json) as progress:
        progress.note(limits(requests, jobs))
        for name in strategies if replicas else []:
            if reason := alone_of(name):
                progress.note(f"{name} is run one by one: {reason}")
        records = run_all(requests, jobs, progress.apply)
    conclude(requests, records, post, as_json=as_json)
