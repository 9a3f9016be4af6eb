"""Avalanche's benchmarks as scenarios, and the other way. All here imports Avalanche, which takes seconds."""

from typing import Any

from avalanche.benchmarks.scenarios.deprecated.generic_benchmark_creation import create_multi_dataset_generic_benchmark
from avalanche.benchmarks.utils.classification_dataset import _make_taskaware_classification_dataset
from avalanche.benchmarks.utils.data import AvalancheDataset
from avalanche.benchmarks.utils.transforms import MultiParamCompose, MultiParamTransformCallable, TupleTransform
from torchvision.transforms import Compose

from scenarios.bridge.assembly import Experience
from scenarios.bridge.reading import Split, read
from scenarios.bridge.rows import Rows
from scenarios.errors import RequestError
from scenarios.examples import Examples
from scenarios.task import Scenario

VALIDATION = ("valid", "validation", "val")
"""What a stream of validation examples may be called."""


def experiences_of(benchmark: Any, where: str) -> list[Experience]:
    """The experiences of a benchmark, read.

    Raises:
        RequestError: where it has no fixed sequence of classified examples with tests for each.
    """
    streams = getattr(benchmark, "streams", None)
    if not isinstance(streams, dict) or not {"train", "test"} <= set(streams):
        raise RequestError(
            f"{where} is no benchmark with a train and a test stream: it is a {type(benchmark).__name__}"
        )
    trained = fixed(streams["train"], where)
    tested = fixed(streams["test"], where)
    held = next((fixed(streams[name], where) for name in VALIDATION if name in streams), None)
    if len(tested) not in {1, len(trained)}:
        raise RequestError(
            f"{where} has {len(trained)} training but {len(tested)} test experiences: "
            "there must be one for each, or a single one for all"
        )
    if held is not None and len(held) != len(trained):
        raise RequestError(f"{where} has {len(trained)} training but {len(held)} validation experiences")
    order = {label: place for place, label in enumerate(getattr(benchmark, "classes_order", []))}
    tests = [read(plain(each, where), f"{where}: test experience {index}") for index, each in enumerate(tested)]
    found = []
    for index, experience in enumerate(trained):
        training = read(plain(experience, where), f"{where}: experience {index}")
        classes = sorted(training.y.unique().tolist(), key=lambda label: (order.get(label, len(order)), label))
        validation = _held(held[index], where, index) if held is not None else None
        test = tests[index] if len(tests) > 1 else tests[0]
        found.append(Experience(training, test, validation, tuple(classes), task_label(experience)))
    return found


def _held(experience: Any, where: str, index: int) -> Split:
    return read(plain(experience, where), f"{where}: validation experience {index}")


def fixed(stream: Any, where: str) -> list[Any]:
    """The experiences of a stream that is a sequence.

    Raises:
        RequestError: where they are made while it is read, as online streams are.
    """
    if not hasattr(stream, "__len__") and not isinstance(getattr(stream, "exps_iter", None), list | tuple):
        raise RequestError(
            f"{where}: the experiences of its {getattr(stream, 'name', '')} stream are made while it is read "
            "(an online stream): a scenario needs a fixed sequence; give the benchmark it was split from"
        )
    return list(stream)


def plain(experience: Any, where: str) -> AvalancheDataset:
    """An experience's examples under the transforms of its evaluation, Normalize left out.

    Raises:
        RequestError: where it has no classified examples.
    """
    dataset = getattr(experience, "dataset", None)
    if not isinstance(dataset, AvalancheDataset) or not hasattr(dataset, "targets"):
        raise RequestError(f"{where} has experiences without classified examples ({type(experience).__name__})")
    found = dataset.eval()
    found._flat_data = bare(found._flat_data)
    return found


def bare(data: Any) -> Any:
    """A copy of Avalanche's tree of data sets in which no transform of the evaluation is a Normalize."""
    data = data._shallow_clone_dataset()
    for groups in (data._transform_groups, data._frozen_transform_groups):
        groups.transform_groups["eval"] = without_normalize(groups.transform_groups["eval"])
    data._datasets = [bare(part) if hasattr(part, "_transform_groups") else part for part in data._datasets]
    return data


def without_normalize(transform: Any) -> Any:
    """A transform without the Normalize in it; None where nothing is left. Networks standardise by themselves."""
    if transform is None or type(transform).__name__ == "Normalize":
        return None
    if isinstance(transform, MultiParamTransformCallable):
        inner = without_normalize(transform.transform)
        return None if inner is None else MultiParamTransformCallable(inner)
    if isinstance(transform, TupleTransform):
        return TupleTransform([without_normalize(each) for each in transform.transforms])
    if isinstance(transform, Compose | MultiParamCompose):
        left = [each for each in map(without_normalize, transform.transforms) if each is not None]
        return type(transform)(left) if left else None
    return transform


def task_label(experience: Any) -> int | None:
    """The one task label of an experience, or None where it has several or none."""
    labels: Any = getattr(experience, "task_labels", None)
    if labels is None:
        labels = getattr(getattr(experience.dataset, "targets_task_labels", None), "uniques", ())
    return int(next(iter(labels))) if len(labels) == 1 else None


def exported(scenario: Scenario) -> Any:
    """A benchmark of Avalanche with the tasks of a scenario (see `scenarios.avalanche.export`)."""

    def dataset(examples: Examples, index: int) -> Any:
        rows = Rows(examples, scenario.standardise)
        label = index if scenario.kind == "task" else 0
        return _make_taskaware_classification_dataset(rows, targets=rows.targets, task_labels=label)

    streams = {
        "train": [dataset(task.training, task.index) for task in scenario.tasks],
        "valid": [dataset(task.validation, task.index) for task in scenario.tasks if len(task.validation)],
        "test": [dataset(test, index) for index, test in enumerate(scenario.test)],
    }
    others = {"valid": streams["valid"]} if len(streams["valid"]) == len(scenario.tasks) else None
    benchmark: Any = create_multi_dataset_generic_benchmark(
        streams["train"], streams["test"], other_streams_datasets=others
    )
    # What strategies that know the order of classes (iCaRL) read.
    benchmark.classes_order = [output for task in scenario.tasks for output in task.classes]
    benchmark.n_classes_per_exp = [len(task.classes) for task in scenario.tasks]
    benchmark.n_classes = scenario.classes
    return benchmark
