"""A run that is asked for, and where its folder goes. No torch here."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.spec import RunSpec


@dataclass(frozen=True)
class RunRequest:
    """A run to make.

    Attributes:
        spec: what.
        folder: where its record goes.
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
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or f"{self.spec.strategy} seed {self.spec.seeds.init}"


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
