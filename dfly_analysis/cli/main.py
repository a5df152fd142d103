"""The group of commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from dfly_analysis.cli.shutdown import INTERRUPTED
from dfly_analysis.errors import DflyError, nearest

# Where each command lives; a command's module is imported when it is asked for, so that --help is quick.
_COMMANDS = {
    "report": "analysing", "load": "writing", "diagnose": "analysing", "fit": "analysing", "recommend": "analysing",
    "check-config": "checking", "whatif": "asking",
    "rerun": "rerun_batch", "batch": "rerun_batch", "compare": "comparing",
    "inspect": "looking", "facts": "looking", "explain": "looking", "redact": "looking",
    "alerts": "monitoring", "collect": "collecting", "plan-preheat": "planning", "plan-stress": "planning",
    "sample": "making", "init": "making", "lab": "making",
}  # fmt: skip
TRACEBACK = "DFLY_ANALYSIS_TRACEBACK"
"""Set this variable to see the traceback of a fault of this program."""


class _Commands(click.Group):
    """Commands found by name; a misspelt one is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(import_module(f"dfly_analysis.cli.{_COMMANDS[cmd_name]}"), cmd_name.replace("-", "_"))
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = nearest(args[0], _COMMANDS) or "see dfly-analysis --help"
            raise click.UsageError(f"no such command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where no command is named."""
        if not args:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt is said on one line, and a reader of stdout that went away is no failure."""
        # Here and not below: click would print an empty line, and would exit with 1, which says --fail-on.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_say("interrupted", INTERRUPTED))
        except BrokenPipeError:
            _silence()
            sys.exit(0)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and turn every error into one line on stderr and its exit code."""
        extra.pop("standalone_mode", None)
        try:
            code: Any = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.UsageError as problem:
            sys.exit(_say(_usage(problem), 2))
        except click.exceptions.Abort:
            sys.exit(_say("interrupted", INTERRUPTED))
        except click.ClickException as problem:
            sys.exit(_say(problem.format_message(), 2))
        except DflyError as problem:
            sys.exit(_say(str(problem), problem.exit_code))
        except OSError as problem:
            sys.exit(_say(_system(problem), 2))
        except Exception as problem:
            if os.environ.get(TRACEBACK):
                raise
            sys.exit(_say(_fault(problem), 2))
        sys.exit(code if isinstance(code, int) else 0)


def _silence() -> None:
    """Let what is still to be written vanish: the reader of stdout is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _system(problem: OSError) -> str:
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem} (check the path and its permissions)"


def _fault(problem: Exception) -> str:
    """Name a fault of this program: what it was and where, without the text of a log."""
    import traceback

    frame = traceback.extract_tb(problem.__traceback__)[-1]
    place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    return f"a fault of this program: {type(problem).__name__} at {place} (set {TRACEBACK}=1 to see all of it, and report it)"


def _say(text: str, code: int) -> int:
    click.echo(f"dfly-analysis: {' '.join(text.split())}", err=True)
    return code


def _usage(problem: click.UsageError) -> str:
    command = problem.ctx.command_path if problem.ctx else "dfly-analysis"
    text = problem.format_message()
    return f"{text.rstrip('.')} (see `{command} --help`)"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(None, "-V", "--version", package_name="dfly-analysis", message="%(package)s %(version)s")
def main() -> None:
    """Say why a large Dragonfly preheat failed, what to set, and what that will do.

    Give it what you have: logs of clients, seed clients, scheduler and manager (folders, archives, kubectl logs), job JSON,
    dfbench tables. Data go to stdout, words to stderr. PATH may be a file, folder, glob, archive, or - for stdin.

    Exit codes: 0 done, 1 --fail-on reached, 2 usage, 3 nothing readable, 4 not enough data, 5 notebook failed, 6 timed out,
    130 interrupted, 143 ended by SIGTERM.
    """
