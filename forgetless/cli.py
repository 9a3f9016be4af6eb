"""The command `forgetless`. Everything heavy is imported inside the command that needs it."""

import io
import sys
from typing import Annotated, Any

import typer

from forgetless import leaderboard, listing, resuming, running, suite, tune
from scenarios.errors import RequestError

app = typer.Typer(
    name="forgetless",
    help="Continual learning, measured: run strategies on task sequences, and compare them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(listing.list_things)
app.command("run")(running.run)
app.command("resume")(resuming.resume)
app.command("suite")(suite.suite)
app.command("tune")(tune.tune)
app.add_typer(leaderboard.app, name="leaderboard")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

# Typer brings click along, or has taken it in: its base class is found either way.
USAGE_ERROR: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"forgetless {installed('forgetless')}")
        raise typer.Exit


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 a run failed or a check did not hold; 2 the request was wrong, which one line on
    stderr explains; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no σ shows ? for it
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except RequestError as error:
        code = _complain(str(error))
    except USAGE_ERROR as error:
        # Without a message it stands for "no command given", and the help has been printed.
        code = _complain(error.format_message()) if error.format_message() else 2
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except OSError as error:
        # The disk behind standard output is full, say: what was computed is in its files.
        code = _complain(f"the output cannot be written: {error.strerror or error}") and 1
    if code == INTERRUPTED:
        print("forgetless: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    print(f"forgetless: {' '.join(message.split())}", file=sys.stderr)
    return 2
