"""What single words of a command line or a file mean."""

import re
from collections.abc import Mapping, Sequence

from scenarios.errors import RequestError

MOST_RUNS = 10_000
"""More runs than this in one call are a slip of the hand."""

Settings = Mapping[str, Sequence[str]]
"""Hyper-parameters by `name` or `strategy.name`, each with one value or several alternatives, as text."""


def parse_settings(given: Sequence[str]) -> Settings:
    """What `--set` says: `name=value`, or `strategy.name=value,value,…` for several alternatives.

    Raises:
        RequestError: where it says something else, or one thing twice.
    """
    settings: dict[str, list[str]] = {}
    for setting in given:
        name, equals, values = (part.strip() for part in setting.partition("="))
        if not equals:
            raise RequestError(f"--set {setting}: write it as name=value or strategy.name=value")
        if name in settings:
            raise RequestError(f"--set {name} is there twice: alternatives are written {name}=value,value")
        settings[name] = [value.strip() for value in values.split(",")]
    return settings


def seeds_of(text: str) -> list[int]:
    """The seeds that "5" (as many) or "0,3,7" (these) stands for."""
    parts = [part.strip() for part in text.split(",")]
    listed = [part for part in parts if part]
    if not listed or not all(part.isascii() and part.isdigit() for part in listed):
        raise RequestError(f"seeds={text}: give a number of seeds (5) or the seeds themselves (0,3,7)")
    if any(len(part) > 18 for part in listed):
        raise RequestError(f"seeds={text[:40]}: a seed has at most 18 digits")
    numbers = [int(part) for part in listed]
    if len(parts) == 1:
        if not numbers[0]:
            raise RequestError("seeds=0: at least one is needed (seed 0 alone is written 0,)")
        if numbers[0] > MOST_RUNS:
            raise RequestError(f"seeds={text} asks for more than {MOST_RUNS} runs; one such seed is written {text},")
        return list(range(numbers[0]))
    if len(set(numbers)) < len(numbers):
        raise RequestError(f"seeds={text} names a seed twice")
    return numbers


UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def bytes_of(text: str) -> int:
    """The bytes that "1MB", "1.5 MiB" or "65536" stands for."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})", text.strip())
    if not found or found[2].upper() not in UNITS:
        raise RequestError(f"memory={text}: give bytes, as 65536, 200kB, 1MB or 1.5MiB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def properties_of(text: str) -> tuple[str, ...]:
    """The properties that "all", "none" or names joined by commas stand for, in their canonical spelling."""
    from benchmark.catalogue import PROPERTIES
    from benchmark.properties.property import property_reference

    if text == "none":
        return ()
    names: list[str] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        if part == "all":
            names += PROPERTIES.entries()
        elif "=" in part and ":" not in part and names:
            names[-1] += f",{part}"  # a further option of the property before
        else:
            names.append(part)
    return tuple(dict.fromkeys(property_reference(name) for name in names))


def device_of(text: str) -> str:
    """The device that "auto", "cpu" or "cuda:1" stands for, made sure to be there."""
    import torch

    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(text)
        torch.empty(0, device=device)
        usable = device.type in {"cpu", "cuda"}
    except (RuntimeError, AssertionError, NotImplementedError):
        usable = False
    if not usable:
        raise RequestError(f"device={text} is not to be had here: cpu is, or auto")
    return text
