"""References and options: what text means, and what is said of text that means nothing."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, PositiveInt
from refusals import allowed, refusal

from scenarios.catalogue import list_scenarios
from scenarios.options import Reference, bind, canonical, options_of
from scenarios.scenario import scenario_reference

LISTED = list_scenarios()
VALUES = {
    "tasks": st.integers(2, 10**6).map(str),
    "active": st.sampled_from(["seen", "all"]),
    "validation": st.floats(0, 1, exclude_max=True).map(str),
    "standardise": st.sampled_from(["true", "false", "True", "1", "no"]),
}


def good(name: str) -> st.SearchStrategy[str]:
    """References to a scenario with some of its options, all of them possible."""
    options = {option: values for option, values in VALUES.items() if option in LISTED[name].options}
    if "kind" in LISTED[name].options:
        options["kind"] = st.sampled_from(options_of(scenario_reference(name).builder)["kind"].choices)
    return st.fixed_dictionaries({}, optional=options).map(
        lambda chosen: name + ":" + ",".join(f"{key}={value}" for key, value in chosen.items())
    )


GOOD = st.sampled_from(sorted(LISTED)).flatmap(good)
WORDS = st.sampled_from(["split-digits", "rotated-digits", "kind", "tasks", "class", "degrees", "validation"])
PIECES = WORDS | st.sampled_from([*":,= \n\r\u2028\0\x1c\udc80é", "0", "-1", "nan", "1e9", "inf", "none"])
ANYTHING = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


def shape(
    *,
    style: Literal["round", "flat"] = "round",
    size: PositiveInt = 3,
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    limit: int | None = None,
    hollow: bool = False,
) -> None:
    """Something with options of every type."""


def test_options_are_the_keyword_only_arguments() -> None:
    options = options_of(shape)
    assert list(options) == ["style", "size", "share", "limit", "hollow"]
    assert options["style"].choices == ("round", "flat")
    assert options["size"].choices == ()
    assert options["size"].default == 3


def test_text_becomes_what_the_annotation_says() -> None:
    given_text = {"style": "flat", "size": "4", "share": "1e-1", "limit": "None", "hollow": "true"}
    assert bind(shape, "shape", given_text) == {
        "style": "flat", "size": 4, "share": 0.1, "limit": None, "hollow": True
    }  # fmt: skip


def test_what_is_not_given_keeps_its_default() -> None:
    assert bind(shape, "shape", {}) == {
        "style": "round", "size": 3, "share": 0.5, "limit": None, "hollow": False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("size", "many", "valid integer"),
        ("size", "2.5", "valid integer"),
        ("size", "0", "greater than 0"),
        ("size", "none", "valid integer"),
        ("share", "1", "less than 1"),
        ("share", "-0.1", "greater than or equal to 0"),
        ("share", "nan", "finite number"),
        ("share", "inf", "finite number"),
        ("style", "square", "'round' or 'flat'"),
        ("hollow", "perhaps", "valid boolean"),
        ("limit", "9" * 5000, "integer"),
        ("size", "1\n2", "valid integer"),
    ],
)
def test_a_value_that_is_not_possible_is_named_with_the_reason(option: str, value: str, reason: str) -> None:
    message = refusal(lambda: bind(shape, "shape", {option: value}))
    assert message.startswith(f"shape: {option}=")
    assert reason in message


def test_an_unknown_option_is_answered_with_the_nearest_and_all() -> None:
    assert refusal(lambda: bind(shape, "shape", {"sise": 1})) == (
        "shape has no option 'sise'; did you mean 'size'? (known: hollow, limit, share, size, style)"
    )
    assert "did you mean" not in refusal(lambda: bind(shape, "shape", {"zzzzzz": 1}))


def test_an_option_without_a_default_must_be_given() -> None:
    def strict(*, size: int) -> None: ...

    assert refusal(lambda: bind(strict, "strict", {})) == "strict needs a value for size: size=…"


def test_a_bare_word_is_the_first_option() -> None:
    assert scenario_reference("split-digits:class").options["kind"] == "class"
    assert scenario_reference("split-digits:class") == scenario_reference("split-digits:tasks=5,kind=class")
    assert scenario_reference(" split-digits : class , tasks = 2 ").text == "split-digits:class,tasks=2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names nothing"),
        (":class", "names nothing"),
        ("split-digits:class,5", "should be written option=value"),
        ("split-digits:tasks=2,tasks=5", "gives 'tasks' twice"),
        ("split-digits:class,kind=task", "given kind twice"),
        ("split-digits:=5", "has no option ''"),
        ("split-digits:tsks=5", "did you mean 'tasks'?"),
        ("split-digits:klass", "'task', 'domain' or 'class'"),
        ("split-digit", "did you mean 'split-digits'?"),
        ("split", "there is no scenario 'split'"),
        ("digits", "there is no scenario 'digits'"),
        ("split-", "there is no scenario 'split-'"),
        ("rotated-digits:degrees=0", "greater than 0"),
        ("rotated-digits:degrees=361", "less than or equal to 360"),
    ],
)
def test_bad_references_are_refused_with_what_is_wrong(text: str, says: str) -> None:
    assert says in refusal(lambda: scenario_reference(text))


def test_bare_words_are_refused_where_there_are_no_options() -> None:
    def plain() -> None: ...

    assert refusal(lambda: Reference.parse("plain:5").bind(plain)) == ("plain takes no options, but was given '5'")


@given(GOOD)
def test_the_canonical_text_is_a_fixed_point_and_means_the_same(text: str) -> None:
    once = scenario_reference(text)
    twice = scenario_reference(once.text)
    assert twice.text == once.text
    assert twice.options == once.options


@given(
    st.fixed_dictionaries(
        {
            "style": st.sampled_from(["round", "flat"]),
            "size": st.integers(1),
            "share": st.floats(0, 1, exclude_max=True),
            "limit": st.none() | st.integers(),
            "hollow": st.booleans(),
        }
    )
)
def test_the_canonical_text_of_any_values_gives_those_values(values: dict[str, Any]) -> None:
    assert Reference.parse(canonical("shape", shape, values)).bind(shape) == values


def test_a_first_option_of_any_type_survives_its_canonical_text() -> None:
    def switch(*, on: bool | None = None) -> None: ...

    for value in (True, False, None):
        assert Reference.parse(canonical("switch", switch, {"on": value})).bind(switch) == {"on": value}


@given(ANYTHING)
def test_any_text_is_a_reference_or_refused_in_one_line(text: str) -> None:
    reference = allowed(lambda: scenario_reference(text))
    assert reference is None or scenario_reference(reference.text) == reference


@given(ANYTHING, st.sampled_from(["style", "size", "share", "limit", "hollow"]))
def test_any_text_is_a_value_or_refused_in_one_line(text: str, option: str) -> None:
    allowed(lambda: bind(shape, "shape", {option: text}))
