"""A run that is asked for, and where its folder goes. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.spec import RunSpec, digest


@dataclass(frozen=True)
class RunRequest:
    """A run to make.

    Attributes:
        spec: what.
        folder: where its record goes.
        team: the folder of the team that it trains with, which holds their checkpoint; None for a run alone.
        plugins: files or modules to load first.
        data: where to look for data sets before anywhere else.
        track: "wandb" to follow it there.
        checkpoint_every: seconds between checkpoints within a task; there is one after each task anyway.
        resume: whether to go on from the checkpoint in the folder.
        label: what it is called where people read of it; strategy and seed where it is empty.
    """

    spec: RunSpec
    folder: Path
    plugins: tuple[str, ...] = ()
    data: Path | None = None
    track: str | None = None
    checkpoint_every: float = 60.0
    resume: bool = False
    team: Path | None = None
    label: str = ""

    @property
    def home(self) -> Path:
        """The folder that is claimed while it is made, and holds its checkpoint."""
        return self.team or self.folder

    @property
    def name(self) -> str:
        return self.label or f"{self.spec.strategy} seed {self.spec.seeds.init}"


def team_folder(out: Path, specs: Sequence[RunSpec]) -> Path:
    """Where runs that train at once keep their checkpoint, until they have their records."""
    name = digest(sorted(str(run_folder(out, spec).relative_to(out)) for spec in specs))
    return run_folder(out, specs[0]).parents[1] / f"team-{name[:8]}"


def run_folder(out: Path, spec: RunSpec) -> Path:
    """Where a run's record goes: one folder a seed, in one a group, in one a scenario."""
    scenario, strategy = (
        "".join(letter if letter.isalnum() or letter in "-_=+" else "-" for letter in name)
        for name in (spec.scenario, spec.strategy)
    )
    seeds = spec.seeds
    seed = f"seed-{seeds.init}" if seeds.order == seeds.init else f"seed-{seeds.init}-order-{seeds.order}"
    if seeds.classes not in (None, seeds.init):
        seed += f"-classes-{seeds.classes}"
    return out / scenario / f"{strategy}-{spec.group[:8]}" / seed
