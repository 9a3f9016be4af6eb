"""Runs on this machine: one after another, or several at a time, each in a process of its own."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from threading import Thread

from benchmark.observers.observer import Observer
from benchmark.observers.progress import Ended, Event, EventObserver
from benchmark.record import RunRecord
from benchmark.request import RunRequest
from benchmark.run import failed_record, run
from scenarios.errors import RequestError

Send = Callable[[Event], None]


def run_all(requests: Sequence[RunRequest], jobs: int, send: Send) -> list[RunRecord]:
    """Make all runs; their records in the order of the requests.

    An error in one run, or the death of its process, is its own: it gets a record that says so, and the
    others go on.

    Args:
        requests: what to run.
        jobs: how many at a time; with 1 they run in this process.
        send: given what happens, as it does.
    """
    if jobs == 1 or len(requests) == 1:
        return [_run(request, str(place), send) for place, request in enumerate(requests)]
    # A fork of a server that has imported torch starts in no time, and shares nothing that was started.
    # torch._dynamo is what the first optimiser imports, which takes two seconds.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "torch._dynamo"])
    records: dict[int, RunRecord] = {}
    waiting = list(enumerate(requests))[::-1]
    running: dict[Connection, tuple[int, ForkServerProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                place, request = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(request, str(place), theirs))
                process.start()
                theirs.close()
                running[ours] = (place, process)
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                place, process = running[connection]
                try:
                    message = connection.recv()
                except EOFError:
                    del running[connection]
                    process.join()
                    if place not in records:
                        reason = f"its process ended with exit code {process.exitcode}"
                        records[place] = failed_record(requests[place], reason)
                        with suppress(OSError):  # a full disk may be why it ended
                            records[place].write(requests[place].folder / "record.json")
                        send(Ended(str(place), "failed", reason))
                    continue
                if isinstance(message, RunRecord):
                    records[place] = message
                else:
                    send(message)
    finally:
        for _, process in running.values():
            process.terminate()
    return [records[place] for place in range(len(requests))]


def _work(request: RunRequest, key: str, connection: Connection) -> None:
    """In the child: make the run, tell the parent what happens, then hand it the record."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):  # the parent is told as well, and ends us
        connection.send(_run(request, key, connection.send))


def _end_with_parent() -> None:
    """A run whose parent was killed has nobody to tell: it ends as well, rather than go on for hours."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(request: RunRequest, key: str, send: Send) -> RunRecord:
    observers: list[Observer] = [EventObserver(send, key)]
    if request.track == "wandb":
        from benchmark.observers.wandb import WandbObserver

        observers.append(WandbObserver(directory=request.folder))
    try:
        return run(request, observers)
    except RequestError as error:
        send(Ended(key, "failed", str(error)))
        return failed_record(request, str(error))
