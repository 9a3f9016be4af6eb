"""The idx format: what was written is read, and a damaged file is named in one line."""

import gzip
import hashlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import allowed, refusal

from scenarios.sources.idx import read_idx

IMAGES = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
CONTENT = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (2, 3, 4)) + bytes(range(24))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images-idx3-ubyte"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_what_was_written_is_read(file: Path, pack: type[bytes]) -> None:
    file.write_bytes(pack(CONTENT))
    assert torch.equal(read_idx(file), IMAGES)
    assert torch.equal(read_idx(file, hashlib.sha256(CONTENT).hexdigest()), IMAGES)


@pytest.mark.parametrize("sizes", [(0,), (0, 5), (3, 0)])
def test_a_file_of_no_examples_is_an_empty_tensor(file: Path, sizes: tuple[int, ...]) -> None:
    file.write_bytes(bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes))
    assert read_idx(file).shape == sizes


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "starts with nothing"),
        (CONTENT[:3], "is no idx file"),
        (CONTENT[:10], "truncated or damaged"),
        (CONTENT[:16], "should hold 2×3×4 bytes after its header, but holds 0"),
        (CONTENT[:-1], "but holds 23"),
        (CONTENT + b"\0", "but holds 25"),
        (b"\0\0\x08\xff", "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n", "starts with 89 50 4e 47"),
        (b"\0\0\x0d\x03" + CONTENT[4:], "starts with 00 00 0d 03"),
        (gzip.compress(CONTENT, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(CONTENT, mtime=0)[:12], "cannot be read"),
        (gzip.compress(CONTENT, mtime=0) + b"more", "cannot be read"),
        (gzip.compress(CONTENT, mtime=0)[:20] + b"\xff\xff\xff" + gzip.compress(CONTENT)[23:], "cannot be read"),
        (gzip.compress(CONTENT[:-1], mtime=0), "but holds 23"),
        (b"\x1f\x8b", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused_by_name(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    message = refusal(lambda: read_idx(file))
    assert message.startswith(f"{file} ")
    assert says in message


def test_another_content_than_expected_is_refused(file: Path) -> None:
    file.write_bytes(CONTENT)
    assert refusal(lambda: read_idx(file, "0" * 64)).startswith(f"{file} is not the expected file")


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in refusal(lambda: read_idx(tmp_path / "gone"))
    assert str(tmp_path) in refusal(lambda: read_idx(tmp_path))


@given(
    st.binary(max_size=40)
    | st.binary(max_size=30).map(lambda rest: b"\0\0\x08" + rest)
    | st.binary().map(gzip.compress)
)
def test_any_bytes_are_a_tensor_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any-idx"
    file.write_bytes(content)
    tensor = allowed(lambda: read_idx(file))
    assert tensor is None or tensor.dtype == torch.uint8
