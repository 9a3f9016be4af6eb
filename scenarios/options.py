"""Options read from signatures: the keyword arguments of a callable are their only declaration.

Strategies, scenarios, networks and properties are all configured this way, so the command line, the
records and the documentation read one place and none of them can drift from the code.
"""

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from scenarios.errors import RequestError


@dataclass(frozen=True)
class Option:
    """One keyword argument: its name, its type and what it is when nobody says otherwise."""

    name: str
    annotation: Any
    default: Any

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a `Literal`, or nothing where any value of the type will do."""
        return typing.get_args(self.annotation) if typing.get_origin(self.annotation) is typing.Literal else ()


Target = Callable[..., Any] | tuple[Callable[..., Any], ...]
"""What takes options; or several things that share out those of one reference."""


def options_of(target: Target) -> dict[str, Option]:
    """The keyword-only arguments of a function, or of a class's `__init__`, by name; of several, one after another."""
    if isinstance(target, tuple):
        return {name: option for each in target for name, option in options_of(each).items()}
    function = target.__init__ if inspect.isclass(target) else target
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        # Annotations kept as text may name what is imported for type checkers alone.
        raise RequestError(
            f"the options of {target.__name__} cannot be read: {error}; import it for good, "
            "or leave out `from __future__ import annotations`"
        ) from None
    return {
        name: Option(name, hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def bind(target: Target, label: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of `target`, with the given values checked against their annotations.

    Text is converted ("400" to a number, "none" to None), so values may come from a command line.

    Raises:
        RequestError: for a name that is no option, or a value of the wrong type or range.
    """
    options = options_of(target)
    for name in given:
        if name not in options:
            raise RequestError(f"{label} has no option {name!r}{suggestion(name, options)}")
    return {name: _value(label, option, given) for name, option in options.items()}


def _value(label: str, option: Option, given: Mapping[str, Any]) -> Any:
    if option.name not in given:
        if option.default is inspect.Parameter.empty:
            raise RequestError(f"{label} needs a value for {option.name}: {option.name}=…")
        return option.default
    value = given[option.name]
    if isinstance(value, str) and value.lower() == "none":
        value = None
    try:
        return TypeAdapter(option.annotation, config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        reason = reason[0].lower() + reason[1:]
        shown = " ".join(str(given[option.name]).split())
        raise RequestError(f"{label}: {option.name}={shown} is not possible: {reason}") from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a "there is no such name" message: the nearest right name, then all of them."""
    names = sorted(known)
    return f"{nearest(name, names)} (known: {', '.join(names) or 'none'})"


def nearest(name: str, known: Iterable[str]) -> str:
    """The first half of that: the nearest right name, where there is one that is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True)
class Reference:
    """`name:first,key=value,…` taken apart: how scenarios and networks are named in text.

    A bare word after the colon is the value of the first option, whatever that is called.
    """

    name: str
    bare: str | None
    options: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Take a reference apart.

        Raises:
            RequestError: where it is not of that form, or says one thing twice.
        """
        name, _, rest = text.partition(":")
        bare: str | None = None
        options: dict[str, str] = {}
        for position, item in enumerate(part.strip() for part in rest.split(",") if part.strip()):
            key, equals, value = (part.strip() for part in item.partition("="))
            if not equals:
                if position:
                    raise RequestError(f"{text!r}: {item!r} should be written option=value")
                bare = item
            elif key in options:
                raise RequestError(f"{text!r} gives {key!r} twice")
            else:
                options[key] = value
        if not name.strip():
            raise RequestError(f"{text!r} names nothing before the colon")
        return cls(name.strip(), bare, options)

    def bind(self, target: Target) -> dict[str, Any]:
        """The options of `target` with the values of this reference (see `bind` above)."""
        given = dict(self.options)
        if self.bare is not None:
            first = next(iter(options_of(target)), None)
            if first is None:
                raise RequestError(f"{self.name} takes no options, but was given {self.bare!r}")
            if first in given:
                raise RequestError(f"{self.name} is given {first} twice: {self.bare!r} and {given[first]!r}")
            given[first] = self.bare
        return bind(target, self.name, given)


def canonical(name: str, target: Target, values: Mapping[str, Any], *, first_bare: bool = True) -> str:
    """The one spelling of a reference: the first option bare, then those that differ from their defaults.

    Without `first_bare` the first is as the others: for things that are usually named without options.
    """
    items = []
    for position, option in enumerate(options_of(target).values()):
        value = values[option.name]
        if position == 0 and first_bare:
            items.append(spelled(value))
        elif value != option.default:
            items.append(f"{option.name}={spelled(value)}")
    return f"{name}:{','.join(items)}" if items else name


def spelled(value: Any) -> str:
    """A value as it is written on a command line."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
