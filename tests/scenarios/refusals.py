"""What bad requests are answered with."""

from collections.abc import Callable
from typing import TypeVar

from scenarios.errors import RequestError

T = TypeVar("T")


def refusal(action: Callable[[], object]) -> str:
    """What an action is refused with: a RequestError of one line."""
    message = _attempt(action)[1]
    assert message is not None, "it was not refused"
    return message


def allowed(action: Callable[[], T]) -> T | None:
    """What an action returns, or None where it is refused in one line."""
    return _attempt(action)[0]


def _attempt(action: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return action(), None
    except RequestError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    return None, message
