"""Train on data larger than memory should be, and print the most memory the run held: `python -m benches.large`.

It writes 4 GB of random images of ten classes to a folder of its own under --tmp, runs `forgetless run` on them in a
process of its own, as naive for 50 steps of 10 a task, and deletes them. They are one array of 3 × 32 × 32 bytes each,
or, with --files, JPEGs of 256 × 256 pixels in class folders.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SHAPE = (3, 32, 32)
SIDE = 256
"""Pixels of a JPEG."""
DIFFERENT = 20
"""JPEGs of a class that are drawn and encoded; the others hold the same pixels, and a number after their end."""
CLASSES = 10
RUN = """
import sys, time
import scenarios.rows
from benches.memory import most_memory
from forgetless.cli import main
scenarios.rows.LARGE = int(sys.argv.pop(1))
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("MB", most_memory())
"""
"""The command, in a process that says at the end how much memory it took."""


def write(folder: Path, gigabytes: float) -> int:
    """Random images in `x.npy`, a block at a time, and their classes in `y.npy`; how many."""
    count = int(gigabytes * 1e9) // int(np.prod(SHAPE))
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (count, *SHAPE))
    generator = np.random.default_rng(0)
    y = np.arange(count) % CLASSES
    for start in range(0, count, 2**14):
        block = x[start : start + 2**14]
        block[:] = generator.integers(0, 128, block.shape, np.uint8)
        # A class is a brighter band, so that there is something to learn.
        for each, label in zip(block, y[start : start + 2**14], strict=True):
            each[:, 3 * label : 3 * label + 3] += 100
    np.save(folder / "y.npy", y)
    return count


def write_files(folder: Path, gigabytes: float) -> int:
    """JPEGs in class folders; how many."""
    generator = np.random.default_rng(0)
    count, left = 0, int(gigabytes * 1e9)
    encoded = [[_jpeg(generator, label) for _ in range(DIFFERENT)] for label in range(CLASSES)]
    for label in range(CLASSES):
        (folder / f"class {label}").mkdir()
    while left > 0:
        label, which = count % CLASSES, count // CLASSES % DIFFERENT
        content = encoded[label][which] + count.to_bytes(8, "big")
        (folder / f"class {label}" / f"{count:08}.jpg").write_bytes(content)
        count, left = count + 1, left - len(content)
    return count


def _jpeg(generator: np.random.Generator, label: int) -> bytes:
    pixels = generator.integers(0, 128, (SIDE, SIDE, 3), np.uint8)
    pixels[SIDE * label // CLASSES : SIDE * (label + 1) // CLASSES] += 100
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def measure(
    gigabytes: float, tmp: str | None = None, large: int = 2**30, *, files: bool = False
) -> tuple[int, float, float]:
    """How many images there were, the most memory in MB, and the seconds of the run."""
    with tempfile.TemporaryDirectory(dir=tmp) as folder:
        place = Path(folder)
        if shutil.disk_usage(place).free < 2e9 + gigabytes * 1e9:
            raise SystemExit(f"{place}: there is no room for {gigabytes} GB; say --tmp")
        data = place / "data"
        data.mkdir()
        count = (write_files if files else write)(data, gigabytes)
        options = ["--network", "mlp:100x100", "--iterations", "50", "--quiet", "--out", str(place / "runs")]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(large), "run", f"{data}:class", "naive", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return count, float(done.stdout.rpartition("MB")[2]), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser("python -m benches.large", description="The memory that large data takes.")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--tmp", help="where to write them")
    parser.add_argument("--files", action="store_true", help="JPEGs in class folders, not an array")
    asked = parser.parse_args()
    for gigabytes in (0.01, asked.gigabytes):
        count, megabytes, seconds = measure(gigabytes, asked.tmp, files=asked.files)
        print(f"{gigabytes:g} GB ({count:,} images): {megabytes:.0f} MB at most, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
