"""`forgetless run`: strategies on a scenario, over seeds, measured and compared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forgetless import shared, training
from forgetless.concluding import check_places, conclude
from forgetless.plan import DEFAULTS, ClassOrder, Plan, check, requests_for
from forgetless.threads import AUTO, with_threads
from forgetless.words import parse_settings


class Compile(StrEnum):
    auto = "auto"
    on = "on"
    off = "off"


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
    epochs: training.Epochs = None,
    iterations: training.Iterations = None,
    batch_size: training.BatchSize = None,
    optimizer: training.Optimizer = None,
    lr: training.Rate = None,
    momentum: training.Momentum = None,
    weight_decay: training.WeightDecay = None,
    schedule: training.Schedule = None,
    carry_optimizer: training.CarryOptimizer = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Budget for all that is remembered (examples, importances, copies, masks): 200kB, 1MB."),
    ] = None,
    network: training.NetworkName = None,
    properties: Annotated[str, typer.Option(help="all, none, or names joined by commas.")] = DEFAULTS["properties"],
    evaluate: Annotated[
        str | None,
        typer.Option(
            metavar="all|seen|sample=K",
            help="On which tasks to test after each task: all, those seen, or the newest and K earlier ones; "
            "on all after the last. For hundreds of tasks, sample=10. [default: all]",
        ),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(help="Also test after every so many steps within a task. [default: never, or as usual]"),
    ] = None,
    plugin: shared.Plugins = None,
    data: shared.Data = None,
    device: training.Device = DEFAULTS["device"],
    threads: training.Threads = AUTO,
    compile_: Annotated[
        Compile, typer.Option("--compile", help="Compile whole steps; auto: where a run has enough of them.")
    ] = Compile.auto,
    replicas: Annotated[
        bool,
        typer.Option(
            "--replicas", help="Train seeds, and real values of hyper-parameters, at once in one stacked network."
        ),
    ] = False,
    jobs: shared.Jobs = 1,
    out: shared.Out = Path("runs"),
    checkpoint_every: shared.CheckpointEvery = 60.0,
    track: shared.Track = None,
    post: shared.Post = None,
    as_json: shared.AsJson = False,
    quiet: shared.Quiet = False,
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
            "optimizer": optimizer,
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "schedule": schedule,
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
