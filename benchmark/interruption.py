"""Being asked to stop, by Ctrl-C or SIGTERM, without losing what has been done."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

ECHO = 0.5
"""Seconds within which a second signal is the first once more: `timeout`, say, sends it to a process and its group."""


@dataclass
class Interruption:
    """Whether someone asked to stop; whoever can stop without loss looks at it there."""

    asked: bool = False


@contextmanager
def interruptible(stop: Callable[[], object] | None = None) -> Iterator[Interruption]:
    """Within, the first SIGINT or SIGTERM is only noted; a second one does what it always did.

    Signals that are ignored (by nohup, say) stay so.

    Args:
        stop: called as soon as one is noted.

    Raises:
        KeyboardInterrupt: at the end, where one was noted.
    """
    interruption = Interruption()
    since = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # signals are the main thread's
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]

    def put_back() -> None:
        for number in ours:
            signal.signal(number, before[number])

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal since
        if interruption.asked:
            if time.monotonic() - since >= ECHO:
                put_back()
                signal.raise_signal(number)
            return
        since = time.monotonic()
        interruption.asked = True
        if stop is not None:
            stop()

    for number in ours:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        put_back()
    if interruption.asked:
        raise KeyboardInterrupt
