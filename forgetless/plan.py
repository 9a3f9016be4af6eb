"""From the words of a command line to specifications: everything checked before anything starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.errors import RequestError

if TYPE_CHECKING:
    from benchmark.spec import RunSpec


class ClassOrder(StrEnum):
    canonical = "canonical"
    seed = "seed"


MOST_SEEDS = 10_000
"""More runs than this in one call are a slip of the hand."""


@dataclass
class Plan:
    """What was asked for, on its way to specifications.

    Attributes:
        scenario, strategies, seeds, class_order, settings: as given on the command line.
        options: the other fields of a specification, as given.
    """

    scenario: str
    strategies: list[str]
    seeds: str
    class_order: ClassOrder
    settings: list[str]
    options: dict[str, Any]

    def specs(self) -> list["RunSpec"]:
        """One specification a strategy and seed, everything in them checked but the data.

        Raises:
            RequestError: for whatever is not there or not possible.
        """
        from benchmark.spec import RunSpec
        from scenarios.scenario import scenario_reference
        from strategies.networks.network import network_reference

        fields = dict(self.options)
        fields["scenario"] = scenario_reference(self.scenario).text
        fields["network"] = network_reference(fields["network"])
        fields["properties"] = _properties(fields["properties"])
        fields["device"] = _device(fields["device"])
        hyperparameters = self._hyperparameters()
        return [
            RunSpec.checked(
                strategy=name,
                hyperparameters=hyperparameters[name],
                seeds={
                    "init": seed,
                    "order": seed,
                    "classes": seed if self.class_order is ClassOrder.seed else None,
                },
                **fields,
            )
            for name in self.strategies
            for seed in _seeds(self.seeds)
        ]

    def check(self, specs: list["RunSpec"], data: Path | None) -> None:
        """Make sure that the data is there and that every run can begin.

        Raises:
            RequestError: where one cannot.
        """
        from benchmark.run import build_strategy, check, load_scenario

        for spec in specs:
            with _making(spec.scenario):
                scenario = load_scenario(spec.scenario, spec.seeds.classes, data)
            check(spec, scenario)
        for spec in {spec.strategy: spec for spec in specs}.values():
            with _making(f"{spec.strategy} with {spec.network}"):
                build_strategy(spec, load_scenario(spec.scenario, spec.seeds.classes, data))

    def _hyperparameters(self) -> dict[str, dict[str, Any]]:
        """The hyper-parameters of each strategy: its defaults, and what --set says."""
        from scenarios.options import suggestion
        from strategies.strategy import bind_hyperparameters, hyperparameters_of

        if len(set(self.strategies)) < len(self.strategies):
            raise RequestError(f"a strategy is named twice in {' '.join(self.strategies)}")
        known = {name: hyperparameters_of(name) for name in self.strategies}
        given: dict[str, dict[str, str]] = {name: {} for name in self.strategies}
        for setting in self.settings:
            key, equals, value = setting.partition("=")
            if not equals:
                raise RequestError(f"--set {setting}: write it as name=value or strategy.name=value")
            owner, dot, option = key.strip().rpartition(".")
            if dot and owner not in known:
                raise RequestError(f"--set {setting}: {owner!r} is not run here{suggestion(owner, known)}")
            takers = [name for name in known if name == owner or (not dot and option in known[name])]
            if not takers:
                options = {other for name in known for other in known[name]}
                raise RequestError(
                    f"--set {setting}: none of {', '.join(known)} has a hyper-parameter {option!r}"
                    f"{suggestion(option, options)}"
                )
            for name in takers:
                given[name][option] = value.strip()
        return {name: bind_hyperparameters(name, given[name]) for name in self.strategies}


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


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    listed = [part for part in parts if part]
    if not listed or not all(part.isascii() and part.isdigit() for part in listed):
        raise RequestError(f"--seeds {text}: give a number of seeds (5) or the seeds themselves (0,3,7)")
    if any(len(part) > 18 for part in listed):
        raise RequestError(f"--seeds {text[:40]}: a seed has at most 18 digits")
    numbers = [int(part) for part in listed]
    if len(parts) == 1:
        if not numbers[0]:
            raise RequestError("--seeds 0: at least one is needed (seed 0 alone is written 0,)")
        if numbers[0] > MOST_SEEDS:
            raise RequestError(f"--seeds {text} asks for more than {MOST_SEEDS} runs; one such seed is written {text},")
        return list(range(numbers[0]))
    if len(set(numbers)) < len(numbers):
        raise RequestError(f"--seeds {text} names a seed twice")
    return numbers


def _properties(text: str) -> tuple[str, ...]:
    from benchmark.catalogue import PROPERTIES
    from benchmark.properties.property import property_reference

    if text == "none":
        return ()
    names: list[str] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        if part == "all":
            names += PROPERTIES.entries()
        elif "=" in part and ":" not in part and names:
            names[-1] += f",{part}"  # a further option of the property before
        else:
            names.append(part)
    return tuple(dict.fromkeys(property_reference(name) for name in names))


def _device(text: str) -> str:
    import torch

    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(text)
        torch.empty(0, device=device)
        usable = device.type in {"cpu", "cuda"}
    except (RuntimeError, AssertionError, NotImplementedError):
        usable = False
    if not usable:
        raise RequestError(f"--device {text} is not to be had here: cpu is, or auto")
    return text
