"""`forgetless list scenarios --picture NAME` and `--check NAME`: one scenario, built and looked at."""

import io
import re
from pathlib import Path

import typer

from scenarios.errors import RequestError
from scenarios.scenario import scenario_reference


def save_picture(name: str, out: Path | None, data: Path | None) -> Path:
    """Draw a scenario's tasks into a PNG file; where none is named, into one in this folder that is called after it.

    Args:
        name: of the scenario, or a path.
        out: the file.
        data: where data sets are looked for first.

    Raises:
        RequestError: where there is no such scenario, or the file cannot be written.
    """
    reference = scenario_reference(name)
    path = out or Path(re.sub(r"[^\w.=+-]+", "-", name).strip("-.") + "-tasks.png")
    if path.suffix.lower() != ".png":
        raise RequestError(f"--out {path}: a picture is a PNG file: {path.with_suffix('.png').name}, say")
    if not path.parent.is_dir():
        raise RequestError(f"--out {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise RequestError(f"--out {path} is a folder: name a file in it")
    from benchmark.files import write_atomically
    from scenarios.pictures import picture

    content = io.BytesIO()
    picture(reference.build(root=data)).save(content, "PNG", optimize=True)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise RequestError(f"--out {path} cannot be written: {error.strerror or error}") from None
    return path


def print_check(name: str, data: Path | None) -> None:
    """Print a scenario's digest, the sizes of its tasks, and which test examples training has seen.

    All images of one's own folder are decoded first: where some are damaged, these are named, and that is all.

    Args:
        name: of the scenario, or a path.
        data: where data sets are looked for first.

    Raises:
        RequestError: where there is no such scenario, or it cannot be built.
        Exit: where images are damaged.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    reference = scenario_reference(name)
    from scenarios.integrity import leaks
    from scenarios.sources.own.path import damaged_files

    if reference.path is not None and (faults := damaged_files(Path(reference.path))):
        for fault in faults:
            typer.echo(fault, err=True)
        typer.echo(f"{reference.path}: {len(faults):,} of its files cannot be read as images", err=True)
        raise typer.Exit(1)
    scenario = reference.build(root=data)
    found = leaks(scenario)
    tested = sum(map(len, scenario.test))
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("task", justify="right")
    table.add_column("name", overflow="fold")
    for heading in ("classes", "training", "validation", "test", "test in training"):
        table.add_column(heading, justify="right")
    table.add_column("of task", overflow="fold")
    for task, test, (leaked, among) in zip(scenario.tasks, scenario.test, found, strict=True):
        sizes = [f"{len(part):,}" for part in (task.training, task.validation, test)]
        of = ", ".join(f"{index + 1} ({count:,})" for index, count in among.items())
        table.add_row(str(task.index + 1), Text(task.name), str(len(task.classes)), *sizes, f"{leaked:,}", of)
    print(scenario.name)
    print(f"digest {scenario.digest}")
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=160)).print(table)
    print(f"test examples whose content is among the training examples: {sum(n for n, _ in found):,} of {tested:,}")
