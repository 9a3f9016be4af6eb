"""What `--threads` means: a number, or as many as the network and the batches are worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.spec import RunSpec

AUTO = "auto"


def with_threads(specs: Sequence["RunSpec"], asked: str, jobs: int, data: Path | None) -> list["RunSpec"]:
    """The same specifications, each with its number of threads.

    Args:
        specs: checked, so that their scenarios and networks can be made.
        asked: a number, or "auto" for what `benchmark.threads` chooses.
        jobs: how many runs share the cores.
        data: where data sets are looked for first.

    Raises:
        RequestError: for anything else, or a number that is not possible.
    """
    from benchmark.spec import RunSpec

    if asked != AUTO and not asked.lstrip("-").isdecimal():
        raise RequestError(f"--threads {asked}: give a number, or {AUTO}")
    return [
        RunSpec.checked(**spec.model_dump() | {"threads": _chosen(spec, jobs, data) if asked == AUTO else int(asked)})
        for spec in specs
    ]


def _chosen(spec: "RunSpec", jobs: int, data: Path | None) -> int:
    import torch

    from benchmark.run import load_scenario
    from benchmark.threads import cores, threads_for
    from strategies.networks.network import build_network

    if spec.device != "cpu":
        return 1
    scenario = load_scenario(spec.scenario, spec.seeds.classes, data, spec.trial)
    with torch.device("meta"):  # sizes without numbers
        network = build_network(spec.network, scenario)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return threads_for(parameters, spec.batch_size, cores(), jobs)
