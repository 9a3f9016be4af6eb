"""CORe50, from wherever this machine has it."""

from pathlib import Path

from scenarios.sources.files import Files
from scenarios.sources.pictures import files, read_pictures
from scenarios.sources.source import Source, register

SESSIONS = range(1, 12)
TESTED = (3, 7, 10)
OBJECTS = range(1, 51)
SHAPE = (3, 32, 32)

DATA = Files(
    title="CORe50",
    folder="core50_128x128",
    sums={f"s{session}": None for session in SESSIONS},
    advice="unpack http://bias.csr.unibo.it/maltoni/download/core50/core50_128x128.zip and say where with --data or "
    "$FORGETLESS_DATA",
)


@register("core50", classes=50, shape=(3, 32, 32))
def core50(root: Path | None = None) -> Source:
    """CORe50: about 120,000 + 45,000 frames of videos of 50 objects, reduced to 32×32 (Lomonaco & Maltoni 2017).

    Sessions 3, 7 and 10 are the test examples, as its authors have it; every object is a class. Tested on small files
    of the same format: the data itself was not at hand.
    """
    import torch

    folder = DATA.find(root)
    paths: dict[bool, list[Path]] = {True: [], False: []}
    y: dict[bool, list[int]] = {True: [], False: []}
    for session in SESSIONS:
        for number in OBJECTS:
            found = files(folder / f"s{session}" / f"o{number}", "*.png")
            paths[session in TESTED] += found
            y[session in TESTED] += [number - 1] * len(found)
    return Source(
        "core50",
        tuple(f"o{number}" for number in OBJECTS),
        read_pictures(paths[False], SHAPE),
        torch.tensor(y[False]),
        read_pictures(paths[True], SHAPE),
        torch.tensor(y[True]),
    )
