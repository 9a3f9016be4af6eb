"""Benchmarks of Avalanche (Lomonaco et al. 2021) as scenarios, and our scenarios as benchmarks of Avalanche."""

import ast
import importlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from scenarios.bridge.assembly import assemble
from scenarios.bridge.making import Numbers, making, numbers_of, taking, torchvision_folder
from scenarios.bridge.surroundings import everyones_randomness, quiet
from scenarios.catalogue import SCENARIOS
from scenarios.errors import RequestError
from scenarios.images import Active, Standardise, Validation
from scenarios.options import suggestion
from scenarios.task import Kind, Scenario

THEIRS: dict[str, Any] = {
    "n_experiences": PositiveInt,
    "seed": NonNegativeInt | None,
    "fixed_class_order": Numbers | None,
    "first_exp_with_half_classes": bool,
    "first_batch_with_half_classes": bool,
    "classes_first_batch": PositiveInt | None,
    "rotations_list": Numbers | None,
    "scenario": str,
    "run": NonNegativeInt,
    "object_lvl": bool,
    "mini": bool,
    "data_name": str,
    "evaluation_protocol": str,
    "feature_type": str | None,
    "factor": str,
    "patch_size": PositiveInt,
    "sequence_order": Numbers | None,
    "task_order": Numbers | None,
    "eval_num": PositiveInt | None,
    "bbox_crop": bool,
    "ratio": PositiveFloat,
    "stream_name": str,
}
"""Arguments of Avalanche's that can be given as options, where a benchmark has them; n_experiences is called tasks."""

NEW_CLASSES = {"CLStream51", "EndlessCLSim"}
"""Benchmarks whose experiences bring classes, though they have no argument for the order of classes."""

FOUR_FILES = {"SplitFMNIST": "fashion", "SplitMNIST": "mnist", "PermutedMNIST": "mnist", "RotatedMNIST": "mnist"}
"""Benchmarks over a data set that is a source of ours, which is found wherever ours is."""

register_family = SCENARIOS.register_family


@register_family("avalanche/NAME")
def avalanche(name: str) -> Callable[..., Scenario]:
    """Any classic benchmark of Avalanche, as avalanche/SplitFMNIST:class,tasks=5; docs/avalanche-scenarios.md says how.

    Raises:
        RequestError: where Avalanche is not installed or has no benchmark of that name.
    """
    full = f"avalanche/{name}"
    if importlib.util.find_spec("avalanche") is None:
        raise RequestError(f"{full} needs Avalanche, which is not installed: pip install avalanche-lib")
    known = benchmarks()
    if name not in known:
        raise RequestError(f"there is no benchmark {full!r} in Avalanche{suggestion(name, known)}")
    module, taken = known[name]

    @taking(full, options_of(name, taken))
    def build(seed: int | None, /, root: Path | None = None, **options: Any) -> Scenario:
        ours = {key: options.pop(key) for key in ("kind", "active", "validation", "standardise")}
        drawn = options.pop("seed", None)
        arguments = arguments_of(taken, options, seed if drawn is None else drawn, told=ours["kind"] == "task")
        with quiet(), everyones_randomness(seed or 0, torch.device("cpu")), data_for(name, root) as folder:
            with making(full, "Avalanche"):
                made = getattr(importlib.import_module(module), name)(**arguments, **folder)
            return from_avalanche(made, name=full, seed=seed, **ours)

    return build


def benchmarks() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every benchmark: its module, and its arguments with their defaults; from Avalanche's source, not imported.

    A default that is no literal is `...`, an argument without a default has `Parameter.empty`.
    """
    spec = importlib.util.find_spec("avalanche")
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for file in sorted(Path(folder, "benchmarks", "classic").glob("c*.py")) + sorted(
            Path(folder, "benchmarks", "classic").glob("[!c_]*.py")
        ):
            for node in ast.parse(file.read_bytes()).body:
                if isinstance(node, ast.FunctionDef) and node.name[0].isupper():
                    found[node.name] = (f"avalanche.benchmarks.classic.{file.stem}", _arguments(node.args))
    return dict(sorted(found.items()))


def _arguments(arguments: ast.arguments) -> dict[str, Any]:
    bare = len(arguments.args) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * bare, *arguments.defaults, *arguments.kw_defaults]
    found: dict[str, Any] = {}
    for argument, default in zip([*arguments.args, *arguments.kwonlyargs], defaults, strict=True):
        try:
            found[argument.arg] = inspect.Parameter.empty if default is None else ast.literal_eval(default)
        except ValueError:
            found[argument.arg] = ...
    return found


def options_of(name: str, taken: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The options of a benchmark, annotation and default: ours, and those of its own arguments that text can give."""
    brings = name in NEW_CLASSES or bool({"fixed_class_order", "class_ids_from_zero_from_first_exp"} & set(taken))
    options: dict[str, tuple[Any, Any]] = {"kind": (Kind, "class" if brings else "domain")}
    for key, annotation in THEIRS.items():
        if key in taken and taken[key] is not ...:
            default = 5 if key == "n_experiences" and taken[key] is inspect.Parameter.empty else taken[key]
            options["tasks" if key == "n_experiences" else key] = (annotation, default)
    return options | {"active": (Active, "seen"), "validation": (Validation, 0.1), "standardise": (Standardise, False)}


def arguments_of(
    taken: Mapping[str, Any], options: Mapping[str, Any], seed: int | None, *, told: bool
) -> dict[str, Any]:
    """What Avalanche's function is called with.

    Without a seed, classes keep their natural order, and what else is drawn is drawn with seed 0.
    """
    arguments: dict[str, Any] = {}
    for key, value in options.items():
        numbers = isinstance(value, str) and THEIRS.get(key) == Numbers | None
        arguments["n_experiences" if key == "tasks" else key] = numbers_of(value) if numbers else value
    if "seed" in taken:
        arguments["seed"] = seed or 0
    if "shuffle" in taken:
        arguments["shuffle"] = seed is not None
    if "return_task_id" in taken:
        arguments["return_task_id"] = told
    return arguments


@contextmanager
def data_for(name: str, root: Path | None) -> Iterator[dict[str, Any]]:
    """Where Avalanche looks for data: a source of ours laid out as torchvision wants it, or a folder given."""
    if name not in FOUR_FILES:
        place = root or os.environ.get("FORGETLESS_DATA")
        known = "dataset_root" in benchmarks()[name][1]
        yield {"dataset_root": str(place)} if place and known else {}
        return
    with torchvision_folder(FOUR_FILES[name], root) as folder:
        yield {"dataset_root": folder}


def from_avalanche(
    benchmark: Any,
    *,
    name: str = "an Avalanche benchmark",
    kind: Kind | None = None,
    active: Literal["seen", "all"] = "seen",
    validation: Validation = 0.1,
    standardise: Standardise = False,
    seed: int | None = None,
) -> Scenario:
    """The scenario of a benchmark of Avalanche: one task for each experience, its order of classes kept.

    Examples are read into memory once, under the transforms of the evaluation without Normalize; images become
    bytes. A test stream of one experience is for all tasks, each tested on its own classes.

    Args:
        benchmark: with a train and a test stream of classified examples, each a fixed sequence.
        name: of the scenario, in records and errors.
        kind: what is known at test time; None for what the benchmark says: "task" where its experiences have
            different task labels, "class" where later ones bring new classes, else "domain".
        active: with kind "class", which classes compete: those seen so far, or all from the start.
        validation: share of each class's training examples held out, where there is no stream called valid;
            "training" validates on the training examples.
        standardise: subtract the mean and divide by the deviation of all training inputs, or of what else is
            given, as 0.1307/0.3081.
        seed: draws the validation examples.

    Raises:
        RequestError: where it cannot be a scenario; the message says why.
    """
    with quiet():
        from scenarios.bridge.streams import experiences_of

        experiences = experiences_of(benchmark, name)
    return assemble(
        experiences, where=name, kind=kind, active=active, validation=validation, standardise=standardise, seed=seed
    )


def export(scenario: Scenario) -> Any:
    """A benchmark of Avalanche with a scenario's tasks, to train any of Avalanche's strategies on.

    It has streams train, test and, where every task has validation examples, valid. Inputs are floats as our networks
    see them: on [0, 1], or standardised where the scenario says so. With kind "task" an experience's task label
    is its number, else 0. Labels are output numbers, in the scenario's order of classes.
    """
    with quiet():
        from scenarios.bridge.streams import exported

        return exported(scenario)
