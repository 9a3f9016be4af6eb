"""How a scenario of another library is asked for: options as text, data where it looks for it, errors in one line."""

import importlib
import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from scenarios.errors import RequestError

Numbers = Annotated[str, Field(pattern=r"^-?[0-9]+(\+-?[0-9]+)*$")]
"""Whole numbers joined by +, as 3+1+4."""

Builder = TypeVar("Builder", bound=Callable[..., Any])


def numbers_of(text: str) -> list[int]:
    """The numbers of such a text."""
    return [int(number) for number in text.split("+")]


def taking(name: str, options: Mapping[str, tuple[Any, Any]]) -> Callable[[Builder], Builder]:
    """Decorator: the name of a builder, and what its `**options` may be: annotations and defaults, by name."""
    positional = [inspect.Parameter(it, inspect.Parameter.POSITIONAL_OR_KEYWORD) for it in ("run_seed", "root")]
    keywords = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for key, (annotation, default) in options.items()
    ]

    def add(builder: Builder) -> Builder:
        builder.__signature__ = inspect.Signature([*positional, *keywords])  # type: ignore[attr-defined]
        builder.__annotations__ = {key: annotation for key, (annotation, _) in options.items()}
        builder.__name__ = name
        return builder

    return add


@contextmanager
def making(name: str, library: str) -> Iterator[None]:
    """What a library raises while it makes something, in one line.

    Raises:
        RequestError: where a package or data is missing, or the options do not fit.
    """
    try:
        yield
    except RequestError:
        raise
    except ImportError as error:
        raise RequestError(f"{name} needs a package that is not installed: {_line(error)}") from None
    except (OSError, RuntimeError) as error:
        raise RequestError(
            f"{name}: its data is not here, and {library} could not fetch it ({_line(error)}): "
            "give the folder that holds it as --data, or in $FORGETLESS_DATA"
        ) from None
    except Exception as error:  # Continuum raises bare ones
        raise RequestError(f"{name} cannot be made with these options: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def torchvision_folder(source: str, root: Path | None) -> Iterator[str]:
    """For a while, a folder in which torchvision finds a source of ours of MNIST's family.

    Raises:
        RequestError: where our source finds no data, or other data.
    """
    files = importlib.import_module(f"scenarios.sources.{source}").DATA
    found = files.find(root)
    with tempfile.TemporaryDirectory(prefix="forgetless-") as temporary:
        raw = Path(temporary, files.torchvision, "raw")
        raw.mkdir(parents=True)
        for name in files.sums:
            content = files.read(found, name)
            header = bytes([0, 0, 8, content.ndim]) + b"".join(size.to_bytes(4, "big") for size in content.shape)
            (raw / name).write_bytes(header + content.numpy().tobytes())
        yield temporary
