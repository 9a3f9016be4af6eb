"""Figures of an entry, those that compare it with naive and joint training of its protocol included.

No database and no torch: the same figures come from a board and from runs made a moment ago.
"""

from collections.abc import Callable, Sequence
from statistics import fmean

from benchmark.metrics import METRICS, Undefined, average_accuracy, forgetting_ratio, gap_closed, intransigence
from leaderboard.entries import Entry, Run, seeds_text
from leaderboard.statistics import Estimate, estimate

Figures = tuple[dict[str, Estimate], dict[str, str]]

_WITH_JOINT: dict[str, Callable[[Run, Run], float]] = {
    "intransigence": lambda run, joint: intransigence(run.record.matrix, joint.record.matrix),
    "forgetting_ratio": lambda run, joint: forgetting_ratio(run.record.matrix, joint.record.matrix, run.record.chance),
}


def figures(entry: Entry, protocol: Sequence[Entry]) -> Figures:
    """Every metric of an entry over its completed runs, and why the others have no value.

    Args:
        entry: one entry.
        protocol: all entries of its protocol, itself included.
    """
    owned = {name for run in entry.completed for part in run.figures for name in part}
    groups = {f"{name}.final" for name, values in entry.properties.items() if values.over == "group"}
    estimates: dict[str, Estimate] = {}
    undefined: dict[str, str] = {}
    for name in [*METRICS, *sorted(owned - METRICS.keys())]:
        try:
            if not entry.completed:
                raise Undefined("every run diverged")
            if name == "gap_closed":
                estimates[name] = _gap_closed(entry, protocol)
            elif name in groups:
                estimates[name] = _of_group(entry, name)
            elif name in _WITH_JOINT:
                estimates[name] = _with_joint(entry, protocol, _WITH_JOINT[name])
            else:
                estimates[name] = estimate(_alone(entry, name))
        except Undefined as reason:
            undefined[name] = str(reason)
    return estimates, undefined


def _alone(entry: Entry, name: str) -> list[float]:
    """A metric that each run gives by itself, of the runs that have it."""
    values = [run.figures[0][name] for run in entry.completed if name in run.figures[0]]
    if not values:
        raise Undefined(next(run.figures[1][name] for run in entry.completed if name in run.figures[1]))
    return values


def _of_group(entry: Entry, name: str) -> Estimate:
    """What was measured over runs together: one value, which each of their records repeats."""
    values = _alone(entry, name)
    compared = entry.properties[name.removesuffix(".final")].seeds
    return Estimate(values[0], None, None, len(compared or values))


def _with_joint(entry: Entry, protocol: Sequence[Entry], metric: Callable[[Run, Run], float]) -> Estimate:
    """A metric of each run beside the joint run with its seeds, over the runs where it is defined."""
    joint = _reference("joint", entry, protocol)
    values, reasons = [], []
    for run in entry.completed:
        try:
            values.append(metric(run, _paired(run, joint)))
        except Undefined as reason:
            reasons.append(str(reason))
    if not values:
        raise Undefined(reasons[0])
    return estimate(values)


def _gap_closed(entry: Entry, protocol: Sequence[Entry]) -> Estimate:
    """Of means over the runs that have a naive and a joint run with their seeds: it has no interval."""
    references = [_reference(strategy, entry, protocol) for strategy in ("naive", "joint")]
    triples, reasons = [], []
    for run in entry.completed:
        try:
            triples.append([run, *(_paired(run, reference) for reference in references)])
        except Undefined as reason:
            reasons.append(str(reason))
    if not triples:
        raise Undefined(reasons[0])
    means = [fmean(average_accuracy(run.record.matrix) for run in column) for column in zip(*triples, strict=True)]
    return Estimate(gap_closed(*means), None, None, len(triples))


def _reference(strategy: str, entry: Entry, protocol: Sequence[Entry]) -> Entry:
    """The entry of naive or joint training that differs from `entry` by the strategy alone.

    Where two would do (the strategy's source changed between them) none is chosen: whichever was picked,
    the figures of others would hang on it.
    """
    known = [other for other in protocol if other.strategy == strategy]
    fitting = [other for other in known if other.settings == entry.settings]
    if not known:
        raise Undefined(f"there is no entry of {strategy} in this protocol")
    if not fitting:
        raise Undefined(f"no entry of {strategy} in this protocol has the same network and optimiser settings")
    if len(fitting) > 1:
        raise Undefined(f"{len(fitting)} entries of {strategy} in this protocol have the same settings")
    return fitting[0]


def _paired(run: Run, reference: Entry) -> Run:
    """The naive or joint run with the same seeds on the same tasks."""
    name = reference.strategy
    other = next((other for other in reference.runs if other.seeds == run.seeds), None)
    if other is None:
        raise Undefined(f"{name} was not run with {seeds_text(run.seeds)}")
    if other.diverged:
        raise Undefined(f"{name} diverged with {seeds_text(run.seeds)}")
    if other.record.tasks != run.record.tasks:
        raise Undefined(f"{name} had other tasks with {seeds_text(run.seeds)}")
    return other
