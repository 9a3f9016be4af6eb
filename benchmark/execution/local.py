"""Runs on this machine: one after another in this process, or each in a process of its own.

Runs of one team train at once, in one process (see `benchmark.team`); every other run is a team by itself.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread, Timer

from benchmark.execution.sharing import SharedScenario
from benchmark.interruption import SIGNALS, interruptible
from benchmark.observers.observer import Observer
from benchmark.observers.progress import Ended, Event, EventObserver
from benchmark.record import RunRecord
from benchmark.request import RunRequest
from benchmark.run import failed_record, load_scenario, run_team, threads_of
from benchmark.threads import cores
from scenarios.errors import RequestError
from scenarios.registry import load_plugin
from scenarios.task import Scenario

Send = Callable[[Event], None]

ScenarioKey = tuple[str, int | None, Path | None, int | None]
"""What `load_scenario` is given."""

PATIENCE = 15.0
"""Seconds that runs have to keep a checkpoint once they are asked to stop."""


def run_all(requests: Sequence[RunRequest], jobs: int, send: Send) -> list[RunRecord]:
    """Make all runs; their records in the order of the requests.

    An error in one run is its own: it gets a record that says so, and the others go on.

    Args:
        requests: what to run.
        jobs: how many teams at a time; with 1 they run in this process.
        send: given what happens, as it does.

    Raises:
        KeyboardInterrupt: on SIGINT or SIGTERM; runs that had begun have left a checkpoint.
    """
    teams = teams_of(requests)
    if jobs > 1 and len(teams) > 1:
        return run_apart(requests, jobs, send)
    records: dict[int, RunRecord] = {}
    for team in teams:
        made = _run([requests[place] for place in team], [str(place) for place in team], send)
        records.update(zip(team, made, strict=True))
    return [records[place] for place in range(len(requests))]


def teams_of(requests: Sequence[RunRequest]) -> list[list[int]]:
    """The places of the requests of each team, in the order in which they begin."""
    teams: dict[Path | int, list[int]] = {}
    for place, request in enumerate(requests):
        teams.setdefault(place if request.team is None else request.team, []).append(place)
    return list(teams.values())


def run_apart(requests: Sequence[RunRequest], jobs: int, send: Send) -> list[RunRecord]:
    """As `run_all`, but always in processes of their own: the death of one, too, is only its own."""
    return _Pool(requests, jobs, send).work()


def limits(requests: Sequence[RunRequest], jobs: int) -> str | None:
    """A sentence where fewer threads or runs at a time than asked for fit on the cores of this machine."""
    asked = max((request.spec.threads for request in requests), default=1)
    threads, abreast = min(asked, cores()), min(jobs, len(teams_of(requests)))
    said = []
    if asked > threads:
        said.append(f"{asked} threads are more than the {cores()} cores here: {threads} are used")
    if abreast > 1 and abreast * threads > cores():
        each = f" of {threads} threads" if threads > 1 else ""
        said.append(f"{abreast} runs{each} at a time are more than the {cores()} cores here: {cores() // threads} run")
    return "; ".join(said) or None


@dataclass
class _Child:
    """A process that makes the runs at some places of the requests: those of one team."""

    team: list[int]
    process: ForkServerProcess
    connection: Connection
    asked: bool = False
    silent: bool = False

    def ask_to_stop(self) -> None:
        if not self.asked:
            self.asked = True
            self.process.terminate()


class _Pool:
    """Runs requests in processes, as many at a time as are asked for and have cores for their threads."""

    def __init__(self, requests: Sequence[RunRequest], jobs: int, send: Send) -> None:
        self.requests = requests
        self.jobs = jobs
        self.send = send
        self.waiting = deque(teams_of(requests))
        self.running: list[_Child] = []
        self.records: dict[int, RunRecord] = {}
        self.shared: dict[ScenarioKey, SharedScenario | None] = {}
        self.patience = Timer(PATIENCE, self.kill)
        self.patience.daemon = True
        # A fork of a server that has imported torch starts in no time, and shares nothing that was started.
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["benchmark.execution.ready"])
        resource_tracker.ensure_running()  # the server starts it otherwise, which would undo what `start` blocks

    def work(self) -> list[RunRecord]:
        with interruptible(self.stop) as self.interruption:
            try:
                while self.fill():
                    self.listen()
            finally:
                self.patience.cancel()
                self.kill()
                for child in self.running:
                    child.process.join()
        return [self.records[place] for place in range(len(self.requests))]

    def stop(self) -> None:
        """Ask running runs to keep a checkpoint and end; those that have not begun never will."""
        for child in self.running:
            child.ask_to_stop()
        self.patience.start()

    def kill(self) -> None:
        for child in self.running:
            child.process.kill()

    def fill(self) -> bool:
        """Start as many runs as have room; whether any are running."""
        while self.waiting and not self.interruption.asked and self.has_room(self.requests[self.waiting[0][0]]):
            self.start(self.waiting.popleft())
        return bool(self.running)

    def has_room(self, request: RunRequest) -> bool:
        used = sum(threads_of(self.requests[child.team[0]].spec) for child in self.running)
        fits = len(self.running) < self.jobs and used + threads_of(request.spec) <= cores()
        return fits or not self.running

    def start(self, team: list[int]) -> None:
        requests = [self.requests[place] for place in team]
        ours, theirs = self.context.Pipe(duplex=False)
        shared = [self.scenario_of(request) for request in requests]
        keys = [str(place) for place in team]
        process = self.context.Process(target=_work, args=(requests, keys, theirs, shared))
        # The server and its children never see Ctrl-C, which a terminal sends to all at once, and the server no
        # SIGTERM: it is for us to ask our children to stop, and for the server to tell us that they have.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        theirs.close()
        child = _Child(team, process, ours)
        self.running.append(child)
        if self.interruption.asked:
            child.ask_to_stop()

    def scenario_of(self, request: RunRequest) -> SharedScenario | None:
        """The request's scenario for its process; None where it cannot be shared, and has to be loaded there."""
        key = _scenario_key(request)
        if key not in self.shared:
            try:
                self.shared[key] = SharedScenario(load_scenario(*key))
            except Exception:  # of a plug-in's classes, or the disk: the run itself will say what is wrong, if it is
                self.shared[key] = None
        return self.shared[key]

    def listen(self) -> None:
        """Wait until something happens, and take note of it."""
        sentinels = {child.process.sentinel: child for child in self.running}
        talking = [child.connection for child in self.running if not child.silent]
        happened = wait([*sentinels, *talking])
        for child in list(self.running):
            self.hear(child)
            if child.process.sentinel in happened:
                self.ended(child)

    def hear(self, child: _Child) -> None:
        """All that a run has told since."""
        try:
            while not child.silent and child.connection.poll():
                message = child.connection.recv()
                if isinstance(message, list):
                    self.records.update(zip(child.team, message, strict=True))
                else:
                    self.send(message)
        except (EOFError, OSError):  # its process ended, perhaps in the middle of a message
            child.silent = True

    def ended(self, child: _Child) -> None:
        """A process is no more: where it left no record, one says why, unless it was asked to stop."""
        self.running.remove(child)
        child.process.join()
        child.connection.close()
        for place in child.team:
            request = self.requests[place]
            if place not in self.records and not self.interruption.asked:
                reason = _last_words(child.process.exitcode)
                record = self.records[place] = failed_record(request, reason)
                with suppress(OSError):  # a full disk may be why it ended
                    record.write(request.folder / "record.json")
                self.send(Ended(str(place), "failed", reason, request.name))
        left = [*self.waiting, *(other.team for other in self.running)]
        needed = {_scenario_key(self.requests[place]) for team in left for place in team}
        for key in {_scenario_key(self.requests[place]) for place in child.team} - needed:
            shared = self.shared.pop(key)
            if shared is not None:
                shared.close()


def _scenario_key(request: RunRequest) -> ScenarioKey:
    spec = request.spec
    return spec.scenario, spec.seeds.classes, request.data, spec.trial


def _last_words(code: int | None) -> str:
    """Why a process ended, from its exit code, which is minus the number of the signal that killed it."""
    if code is None or code >= 0:
        return f"its process ended with exit code {code} before the run was over"
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"its process was killed by signal {-code}"
    why = {
        signal.SIGKILL: "; the system kills so when memory runs out",
        signal.SIGSEGV: "; it touched memory that is not its own, a crash in compiled code",
        signal.SIGABRT: "; compiled code gave up",
    }
    return f"its process was killed by signal {-code} ({number.name}){why.get(number, '')}"


def _work(
    requests: Sequence[RunRequest],
    keys: Sequence[str],
    connection: Connection,
    shared: Sequence[SharedScenario | None],
) -> None:
    """In the child: make the runs of a team, tell the parent what happens, then hand it the records."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    Thread(target=_end_with_parent, daemon=True).start()
    scenarios = None
    handed = [each for each in shared if each is not None]
    if len(handed) == len(requests):
        with suppress(Exception):  # what is wrong is said where the run loads it for itself
            for plugin in requests[0].plugins:
                load_plugin(plugin)
            loaded = {id(each): each.load() for each in handed}
            scenarios = [loaded[id(each)] for each in handed]
    for each in {id(each): each for each in handed}.values():
        each.close()
    try:
        connection.send(_run(requests, keys, connection.send, scenarios))
    except KeyboardInterrupt:  # asked to stop: a checkpoint is kept, and we end as one who was killed
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def _end_with_parent() -> None:
    """A run whose parent was killed has nobody to tell: it ends as well, rather than go on for hours."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(
    requests: Sequence[RunRequest], keys: Sequence[str], send: Send, scenarios: Sequence[Scenario] | None = None
) -> list[RunRecord]:
    observers: list[list[Observer]] = [
        [EventObserver(send, key, request.name)] for request, key in zip(requests, keys, strict=True)
    ]
    for request, own in zip(requests, observers, strict=True):
        if request.track == "wandb":
            from benchmark.observers.wandb import WandbObserver

            own.append(WandbObserver(directory=request.folder))
    try:
        return run_team(requests, observers, scenarios)
    except RequestError as error:
        for request, key in zip(requests, keys, strict=True):
            send(Ended(key, "failed", str(error), request.name))
        return [failed_record(request, str(error)) for request in requests]
