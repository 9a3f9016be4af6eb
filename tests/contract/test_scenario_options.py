"""Options of every scenario: any text is a reference or refused in one line, and a canonical name is its own."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.catalogue import list_scenarios
from scenarios.errors import RequestError
from scenarios.options import options_of
from scenarios.scenario import scenario_reference

LISTED = list_scenarios()
WORDS = sorted(
    {
        str(choice)
        for name in LISTED
        for option in options_of(scenario_reference(name).builder).values()
        for choice in (*option.choices, *(word for part in get_args(option.annotation) for word in get_args(part)))
        if isinstance(choice, str)
    }
)
NUMBERS = st.one_of(st.integers(), st.floats()).map(str)
LISTS = st.lists(st.sampled_from(["1", "2", "0", "30", "noise", "blur", "digits", "fashion", ""]), max_size=5).map(
    "+".join
)
PAIRS = st.tuples(NUMBERS, NUMBERS).map("/".join)
VALUES = st.one_of(
    st.sampled_from([*WORDS, "true", "false", "none", "None", "", "0.5", "10"]), NUMBERS, LISTS, PAIRS, st.text()
)


def references(name: str) -> st.SearchStrategy[str]:
    """References to a scenario with some of its options, of which some are given any text."""
    given_options = st.dictionaries(st.sampled_from([*LISTED[name].options, "kind", "tsks", ""]), VALUES, max_size=5)
    bare = st.one_of(st.just(""), VALUES.map(lambda value: value + ","))
    return st.tuples(bare, given_options).map(
        lambda parts: f"{name}:{parts[0]}" + ",".join(f"{key}={value}" for key, value in parts[1].items())
    )


@given(st.sampled_from(sorted(LISTED)).flatmap(references))
def test_any_options_are_taken_or_refused_in_one_line_and_the_canonical_name_is_its_own(text: str) -> None:
    refused = ""
    try:
        reference = scenario_reference(text)
    except RequestError as error:
        refused = str(error)
    if refused:
        assert len(refused.splitlines()) == 1
        return
    again = scenario_reference(reference.text)
    assert again.text == reference.text
    assert again.options == reference.options
    assert again.builder is reference.builder
    assert again.source == reference.source


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_name_alone_is_a_reference_and_so_is_each_default_said_aloud(name: str) -> None:
    reference = scenario_reference(name)
    assert scenario_reference(reference.text) == reference
    for option, value in reference.options.items():
        aloud = "none" if value is None else value
        assert scenario_reference(f"{name}:{option}={aloud}").text == reference.text
