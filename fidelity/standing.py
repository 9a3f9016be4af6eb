"""How a row stands: ours against the reference, and whether they agree."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.metrics import Undefined
from fidelity.records import Book, Kept
from fidelity.targets import Row


@dataclass(frozen=True)
class Standing:
    """A row with what was found.

    Attributes:
        row: the row.
        values: ours in percent, a seed each; None as long as there is not one for every seed.
        runs: what they are of.
        reason: why there are none.
        broken: what kept runs from a result, which is one as well: the row does not hold.
    """

    row: Row
    values: Sequence[float] | None = None
    runs: Sequence[Kept] = ()
    reason: str = ""
    broken: str = ""

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds, with n − 1."""
        return statistics.stdev(self.values) if self.values and len(self.values) > 1 else None

    @property
    def difference(self) -> float | None:
        """Ours less theirs, in points."""
        return None if self.mean is None else self.mean - self.row.reference.mean

    @property
    def state(self) -> str:
        """ "within", "out", or why neither can be said."""
        if self.broken:
            return "out"
        if self.difference is None:
            return self.reason
        # What is equal to the margin on paper may lie a rounding error beyond it.
        return "within" if abs(self.difference) <= self.row.margin + 1e-9 else "out"

    @property
    def counted(self) -> bool:
        """Whether it says that a row holds or does not."""
        return self.state in {"within", "out"}


NEVER = "not expressible"
NO_RECORD = "no record"


def standing(row: Row, book: Book) -> Standing:
    """How a row stands by what is kept, and by nothing else."""
    if row.impossible:
        return Standing(row, reason=NEVER)
    runs = of_seeds(row, book.runs(row))
    if runs is None:
        return Standing(row, reason=NO_RECORD)
    ended = [run for run in runs if run.status != "completed"]
    if ended:
        counts = Counter(run.status for run in ended)
        broken = ", ".join(f"{count} of {len(runs)} runs {name}" for name, count in counts.items())
        return Standing(row, runs=runs, broken=broken)
    try:
        return Standing(row, [run.value(row.measure) for run in runs], runs)
    except Undefined as reason:
        return Standing(row, reason=f"undefined: {reason}")


def of_seeds(row: Row, runs: Iterable[Kept]) -> list[Kept] | None:
    """The runs of the seeds that a row asks for; None where one of them is missing."""
    from forgetless.words import seeds_of

    of_seed = {run.spec.seeds.init: run for run in runs}
    seeds = seeds_of(row.seeds)
    return [of_seed[seed] for seed in seeds] if of_seed.keys() >= set(seeds) else None


def told(mean: float | None, sd: float | None, n: int | None) -> str:
    """A figure with its spread, as `76.28 ± 0.88 (2)`."""
    if mean is None:
        return "–"
    spread = "" if sd is None else f" ± {sd:.2f}"
    return f"{mean:.2f}{spread}" + ("" if n is None else f" ({n})")


def counts(standings: Sequence[Standing]) -> str:
    """`30 rows: 20 within, 2 out, 8 no data here`."""
    found = Counter(each.state for each in standings)
    order = sorted(found, key=lambda state: (state not in {"within", "out"}, state != "within", -found[state]))
    return f"{len(standings)} rows: " + ", ".join(f"{found[state]} {state}" for state in order)
