"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Tracker(StrEnum):
    wandb = "wandb"


Plugins = Annotated[list[str] | None, typer.Option("--plugin", help="A file or module that registers more.")]
Data = Annotated[Path | None, typer.Option(help="Where data sets are looked for first.")]
Jobs = Annotated[int, typer.Option(min=1, help="Runs at a time, each in a process of its own.")]
Out = Annotated[Path, typer.Option(help="Folder for the runs' records.")]
CheckpointEvery = Annotated[
    float, typer.Option(min=0, help="Seconds between checkpoints within a task; see `forgetless resume`.")
]
Track = Annotated[Tracker | None, typer.Option(help="Follow the runs there as well.")]
Post = Annotated[str | None, typer.Option(help="A leaderboard to post the records to: file or URL.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
