"""Pictures of tasks: which examples are on them, as they are seen, with their class."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from scenarios import pictures
from scenarios.examples import Examples, TensorExamples
from scenarios.multimodal import multimodal
from scenarios.permuted import permuted
from scenarios.pictures import LEFT, MARGIN, choose, even, fitted, own_numbers, picture
from scenarios.scenario import scenario_reference
from scenarios.sources.source import Source
from scenarios.split import split
from scenarios.task import Scenario
from scenarios.tiles import BLUE


class Untouched(Examples):
    """A million examples of two classes, which say how many were read."""

    def __init__(self) -> None:
        self.task = torch.tensor([0])
        self.read = 0

    def __len__(self) -> int:
        return 1_000_000

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        self.read += len(indices)
        return torch.zeros(len(indices), 3), indices % 2

    def digest(self) -> str:
        return ""


def colours(image: Image.Image) -> set[tuple[int, int, int]]:
    return {colour for _, colour in image.getcolors(2**20)}  # type: ignore[union-attr, misc]


def texts(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written on a scenario's picture."""
    written: list[str] = []
    plain = pictures.ImageDraw.ImageDraw.text

    def text(self: object, place: object, words: str, *more: object, **options: object) -> None:
        written.append(words)
        plain(self, place, words, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures.ImageDraw.ImageDraw, "text", text)
    picture(scenario)
    return written


@given(st.integers(0, 500), st.integers(2, 20))
def test_even_numbers_begin_with_the_first_and_end_with_the_last(count: int, most: int) -> None:
    found = even(count, most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    if count:
        assert (found[0], found[-1]) == (0, count - 1)


def test_each_class_is_shown_equally_often_and_apart() -> None:
    examples = TensorExamples(torch.zeros(12, 1), torch.tensor([1, 0] * 6), 0, shift=4)
    assert choose(examples) == [1, 3, 5, 7, 0, 2, 4, 6]
    rare = TensorExamples(torch.zeros(12, 1), torch.tensor([1] + [0] * 11), 0)
    assert choose(rare) == [1, 2, 3, 4, 5, 6, 7, 0]
    assert choose(TensorExamples(torch.zeros(20, 1), torch.arange(20), 0)) == list(range(8))
    assert choose(TensorExamples(torch.zeros(0, 1), torch.zeros(0), 0)) == []


def test_a_stream_is_shown_from_its_beginning_to_its_end() -> None:
    examples = TensorExamples(torch.zeros(15, 1), torch.tensor([0] * 14 + [1]), 0)
    assert choose(examples, boundaries=False) == [0, 2, 4, 6, 8, 10, 12, 14]
    examples.ordered = True
    assert choose(examples) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_a_million_examples_are_not_read_for_eight() -> None:
    examples = Untouched()
    assert len(choose(examples)) == 8
    assert examples.read < 1000


def test_images_are_shown_through_the_transform_of_their_task(letters: Source) -> None:
    scenario = permuted(letters, None, tasks=2)
    image = picture(scenario)
    training = scenario.tasks[1].training
    assert isinstance(training, TensorExamples)
    assert isinstance(training.x, Tensor)
    assert training.transform is not None
    plain = training.x[choose(training)[:1]]
    first = training.transform(plain)[0]
    assert not torch.equal(first, plain[0])
    second_row = image.crop((MARGIN + LEFT, 0, MARGIN + LEFT + 64, image.height))
    factor = 64 // 4
    top = MARGIN + 3 * pictures.LINE + (64 + 2 + pictures.LINE - 2 + pictures.GAP)
    seen = [[second_row.getpixel((8 + factor * x, top + 8 + factor * y)) for x in range(4)] for y in range(4)]
    assert seen == [[(value,) * 3 for value in row] for row in first[0].tolist()]


def test_colour_is_shown_in_colour() -> None:
    x = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    x[:, 0] = 200
    scenario = Scenario.from_tensors(x.repeat(5, 1, 1, 1), torch.arange(2).repeat(10), tasks=1)
    assert (200, 0, 0) in colours(picture(scenario))


def test_the_original_class_is_below_and_a_false_one_says_the_true(
    letters: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = split(letters, None, tasks=3)
    written = texts(scenario, monkeypatch)
    assert [text for text in written if text and text in "abcdef"] == list("aaaabbbbccccddddeeeeffff")
    assert "Task 3: e+f" in written
    task = scenario.tasks[0]
    assert isinstance(task.training, TensorExamples)
    noisy = TensorExamples(task.training.x, task.training.y, 0, truth=torch.zeros(len(task.training), dtype=torch.long))
    told = texts(replace(scenario, tasks=(replace(task, training=noisy), *scenario.tasks[1:])), monkeypatch)
    assert told.count("truly a") == 4


def test_of_many_tasks_ten_are_shown(letters: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    written = texts(permuted(letters, None, tasks=31), monkeypatch)
    shown = [text for text in written if text.startswith("Task ")]
    assert len(shown) == 10
    assert (shown[0][:7], shown[-1][:8]) == ("Task 1:", "Task 31:")
    assert "kind domain · 31 tasks, 10 shown · 6 classes" in written


def test_an_input_of_one_of_several_modalities_is_shown_as_that() -> None:
    scenario = multimodal(None)
    shapes = [
        tuple(own_numbers(scenario, task.training.batch(torch.tensor([0]))[0][0]).shape) for task in scenario.tasks
    ]
    assert shapes == [(1, 8, 8), (1, 40), (30,), (40,)]
    assert BLUE in colours(picture(scenario))


@pytest.mark.parametrize("name", ["split-mnist1d:task", "split-iris:task,tasks=3", "addition-facts"])
def test_signals_tables_and_patterns_can_be_seen(name: str) -> None:
    image = picture(scenario_reference(name).build())
    assert len(colours(image.crop((MARGIN + LEFT, MARGIN + 3 * pictures.LINE, image.width, image.height)))) > 10


@pytest.mark.parametrize("value", [0.0, -3.0, 1e20])
@pytest.mark.parametrize("shape", [(5,), (700,), (1, 5), (2, 1), (1, 3, 3), (3, 90, 200)])
def test_inputs_that_are_all_alike_or_large_are_drawn(value: float, shape: tuple[int, ...]) -> None:
    scenario = Scenario.from_tensors(torch.full((20, *shape), value), torch.arange(2).repeat(10), tasks=1)
    image = picture(scenario)
    assert image.width < 1100


def test_long_names_are_cut_and_short_ones_are_not(letters: Source) -> None:
    font = pictures._font(11)
    assert fitted("short", font, 200) == "short"
    cut = fitted("many words in one line " * 30, font, 100)
    assert cut.endswith("...")
    assert font.getlength(cut) <= 100
    assert "\n" not in fitted("two\nlines", font, 200)
    long = replace(letters, labels=tuple(f"{label} of a very long name, {'x' * 300}" for label in letters.labels))
    assert picture(split(long, None, tasks=3)).width < 1100


def test_it_is_drawn_where_no_font_is_installed(letters: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    with_fonts = picture(split(letters, None, tasks=3))
    pictures._font.cache_clear()
    monkeypatch.setattr(pictures, "FONTS", ("no such font.ttf",))
    try:
        assert picture(split(letters, None, tasks=3)).size == with_fonts.size
    finally:
        pictures._font.cache_clear()
