"""The group of commands; it turns errors into one line and an exit code."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from dfly_analysis.cli.options import CONTEXT
from dfly_analysis.cli.shutdown import INTERRUPTED
from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.findings import collapse_whitespace

SUMMARIES = {
    "report": "Write the tuning report: HTML page, JSON and Helm values.",
    "load": "Write the input as Parquet tables, in bounded memory.",
    "diagnose": "Show what failed and why: findings, evidence and root causes.",
    "fit": "Fit models of piece times, and of task failures by size.",
    "recommend": "Recommend settings to change, with values and reasons.",
    "check-config": "Check a configuration for mistakes and feasibility.",
    "whatif": "Predict time and failure rate under other settings.",
    "rerun": "Run a report again from its HTML page, and compare verdicts.",
    "batch": "Write many reports, listed or combined in MATRIX.yaml.",
    "compare": "Compare two runs and say whether a change helped.",
    "inspect": "Show how each input file was recognised, and what was read.",
    "facts": "Look up a setting: its meaning, its defaults by release.",
    "trace": "Write tasks and pieces as a trace for Perfetto or Jaeger.",
    "explain": "Explain a finding, cause, error code, setting or pasted line.",
    "redact": "Copy files without secrets, to share them.",
    "alerts": "Write Prometheus alert rules with thresholds from a run.",
    "collect": "Collect the input from a Kubernetes cluster, redacted.",
    "plan-preheat": "Plan the preheat of an image: stages, times, failure rates.",
    "plan-stress": "Plan a stress test, or evaluate its results.",
    "schema": "Show the JSON Schema of what a command prints as JSON.",
    "init": "Copy the notebooks to a directory; existing files are kept.",
    "lab": "Copy the notebooks to a directory and open them in JupyterLab.",
}
"""Every command with the first sentence of its help, so that the list of commands imports none of their modules."""
TRACEBACK = "DFLY_ANALYSIS_TRACEBACK"
"""Set this variable to see the traceback of an internal error."""


class _Commands(click.Group):
    """Commands imported when they are called; for a misspelt one the error suggests similar ones."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(SUMMARIES)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in SUMMARIES:
            return None
        name = cmd_name.replace("-", "_")
        found = getattr(import_module(f"dfly_analysis.cli.{name}"), name)
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = suggest_similar(args[0], SUMMARIES) or "see dfly-analysis --help"
            raise click.UsageError(f"no such command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help if no command is given."""
        if not args and not ctx.resilient_parsing:  # a shell asks for completions
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt is reported on one line, and a closed stdout is not an error."""
        # not in `main`: click would print an empty line, and exit with 1, which means --fail-on
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_fail("interrupted", INTERRUPTED))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # discard the rest
            sys.exit(0)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and turn every error into one line on stderr and its exit code."""
        extra.pop("standalone_mode", None)
        try:
            code: Any = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except Exception as problem:
            if os.environ.get(TRACEBACK) and not isinstance(problem, (DflyError, click.ClickException, OSError)):
                raise
            sys.exit(_fail(*_text_and_code(problem)))
        sys.exit(code if isinstance(code, int) else 0)


def _text_and_code(problem: Exception) -> tuple[str, int]:  # noqa: PLR0911 - one return a kind of error
    """Return what to print of an error, and the exit code."""
    if isinstance(problem, DflyError):
        return str(problem), problem.exit_code
    if isinstance(problem, click.exceptions.Abort):
        return "interrupted", INTERRUPTED
    if isinstance(problem, click.UsageError):
        command = problem.ctx.command_path if problem.ctx else "dfly-analysis"
        return f"{problem.format_message().rstrip('.')} (see `{command} --help`)", 2
    if isinstance(problem, click.ClickException):
        return problem.format_message(), 2
    if isinstance(problem, MemoryError):
        return "out of memory (give fewer files at a time, or a machine with more memory)", 2
    if isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        return f"{where}{problem.strerror or problem} (check the path and its permissions)", 2
    import traceback

    frame = traceback.extract_tb(problem.__traceback__)[-1]
    place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    # without the exception's message, which may quote a log
    text = f"internal error: {type(problem).__name__} at {place}"
    return f"{text} (set {TRACEBACK}=1 for the traceback, and report it)", 2


def _fail(text: str, code: int) -> int:
    click.echo(f"dfly-analysis: {' '.join(collapse_whitespace(text).split())}", err=True)
    return code


def _show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from dfly_analysis.catalog.releases import known_lines

        newest = ", ".join(f"{one.line} {one.newest} ({one.newest_date})" for one in known_lines())
        click.echo(f"dfly-analysis {version('dfly-analysis')}\nnewest known releases of Dragonfly: {newest}")
        context.exit()


@click.group(
    cls=_Commands,
    epilog="\b\nExamples:\n  dfly-analysis report logs/ jobs.json --values values.yaml --chart 1.7.4\n  dfly-analysis diagnose run.tar.gz",
    context_settings=CONTEXT,
)
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version and the newest known releases, and exit.")  # fmt: skip
def main() -> None:
    """Find out why a large Dragonfly preheat failed, which settings to change, and what they would do.

    Input: logs of clients, seed clients, scheduler and Manager (directories, archives, kubectl logs), preheat job JSON,
    dfbench tables. PATH may be a file, directory, glob, archive, or - for stdin. Results on stdout, messages on stderr.

    Exit codes: 0 done, 1 --fail-on reached, 2 usage, 3 nothing readable, 4 not enough data, 5 notebook failed, 6 timed out,
    130 interrupted, 143 ended by SIGTERM.
    """
