"""Options of the commands: generated from the shared declarations, and those that only commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import click

from dfly_analysis.cli.output import FORMATS, message, reporting
from dfly_analysis.errors import DflyError, NotEnoughDataError
from dfly_analysis.options import Declaration, Duration, Flag, Options, adapter, error_text, flag_of, read_release
from dfly_analysis.schema import SEVERITIES

if TYPE_CHECKING:
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Finding

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class OptionType(click.ParamType):  # type: ignore[type-arg]
    """A value of the command line, checked by the declaration of its option."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.flag: Flag = flag_of(annotation)
        self.name = self.flag.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check a text; defaults are right already. Pydantic is imported only where the option has no check of its own."""
        if not isinstance(value, str):
            return value
        try:
            found = self.flag.check(value) if self.flag.check else self._validated(value)
        except DflyError as error:
            text = f"{error.message} ({error.hint})" if error.hint else error.message
            raise click.BadParameter(text, ctx, param) from error
        if self.flag.release_of is not None:
            fallback = read_release(self.flag.release_of, found)
            if fallback != found.strip() and not found.strip().endswith(fallback.removeprefix("v")):
                message(f"warning: {param.name if param else 'release'} {found} is unknown; treated as {fallback}")
        return found

    def _validated(self, value: str) -> Any:
        if str in (self.annotation, *get_args(self.annotation)):
            return value
        from pydantic import ValidationError

        try:
            return adapter(self.annotation).validate_python(value)
        except ValidationError as error:
            text, hint = error_text(error.errors()[0])
            raise DflyError(text, hint=hint) from error


class OutputFormat(click.Choice):  # type: ignore[type-arg]
    """How to print; for a log format given here by mistake the error names the option for it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format, or name the right option."""
        from dfly_analysis.catalog.log_formats import load_formats

        if value not in FORMATS and any(one.id == value for one in load_formats()):
            raise click.BadParameter(f"{value!r} is a log format; use --log-format", ctx, param)
        return str(super().convert(value, param, ctx))


CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
"""Settings of the group and of each command: click keeps the help option that a command made when it first ran."""


def command(*examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return the decorator of a command whose help ends with examples."""
    return click.command(epilog="\n  ".join(["\b\nExamples:", *examples]), context_settings=CONTEXT)


def option(*names: str, kind: Any, **more: Any) -> Decorator:
    """Return an option of a declared type that only one command has; further arguments are those of click."""
    return click.option(*names, type=OptionType(kind), metavar=flag_of(kind).metavar, **more)


def options(*models: type[Options], without: Sequence[str] = (), paths: bool = False) -> Decorator:
    """Return one decorator that adds the declared options of models to a command, in this order, and paths as its arguments."""
    shown = [one for model in models for one in model.declarations() if one.flag.shown and one.name not in without]
    return combined(*([paths_argument] if paths else []), *(_declared(one) for one in shown))


def combined(*decorators: Decorator) -> Decorator:
    """Return one decorator for several; their options are shown in this order."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return add


def _declared(one: Declaration) -> Decorator:
    name, flag = one.name.replace("_", "-"), one.flag
    if flag.off:
        switch = f"--no-{name}"
        return click.option(switch, one.name, is_flag=True, callback=lambda _ctx, _param, off: not off, help=flag.off)
    kind = click.Choice(flag.choices) if flag.choices else OptionType(one.annotation)
    metavar = None if flag.choices else flag.metavar
    return click.option(f"--{name}", one.name, type=kind, metavar=metavar, default=one.default, help=one.help)


def file_option(*names: str, exists: bool = False, **more: Any) -> Decorator:
    """Return an option whose value is the path of a file."""
    kind = LocalPath(path_type=Path, dir_okay=False, exists=exists)
    return click.option(*names, type=kind, metavar="FILE", **more)


class LocalPath(click.Path):
    """A path on this machine; an address would become a folder of that name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an address and an empty text, and check the path."""
        if not str(value):
            self.fail("the path is empty", param, ctx)
        if "://" in str(value):
            self.fail(
                f"{value!r} is an address: name a path on this machine (`load` alone writes to s3://)", param, ctx
            )
        return super().convert(value, param, ctx)


def folder_option(default: str | None = None) -> Decorator:
    """Return -o, the output directory; required if there is no default."""
    # click takes a default of None for a default: such an option would not be required
    presence: dict[str, Any] = {"default": Path(default)} if default else {"required": True}
    folder = LocalPath(path_type=Path, file_okay=False)
    return click.option("-o", "--output", type=folder, metavar="DIR", help="Output directory.", **presence)


def refuse_input(output: Path | None, paths: Iterable[object]) -> None:
    """Refuse a file to write that is one of the files to read."""
    from dfly_analysis.io import local_files

    if output and output.exists() and any(output.samefile(path) for path in local_files(paths)):
        raise click.UsageError(f"{output}: it would replace a file of the input (name another file)")


paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...")


def format_option_of(*more: str) -> Decorator:
    """Return --format, with formats that only one command has."""
    return click.option(
        "--format", "output_format", type=OutputFormat((*FORMATS, *more)), default="table", help="Output format."
    )


format_option = format_option_of()
timeout_option = option("--timeout", kind=Duration, default="30m", help="Time limit of one report.")
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES[:-1]), help="Exit 1 if any finding has at least this severity."
)
cluster_option = option(
    "--cluster", kind=Annotated[str, Flag("ADDRESS", "address")],
    help="Read the input on the workers of this dask.distributed scheduler, e.g. tcp://host:8786.",
)  # fmt: skip


def exit_on_severity(present: Iterable[Finding], fail_on: str | None) -> None:
    """Exit with 1 if a finding has at least the severity of --fail-on."""
    if fail_on and any(SEVERITIES.index(one.severity) <= SEVERITIES.index(fail_on) for one in present):
        click.get_current_context().exit(1)


def require_task(dataset: Dataset, paths: Sequence[str]) -> None:
    """Raise NotEnoughDataError where a part of the input could not be read, and the rest contains no task."""
    if dataset.problems and not dataset.rows("SELECT count(*) FROM tasks")[0][0]:
        text, hint = "the readable part of the input contains no task", "give the complete files"
        raise NotEnoughDataError(text, where=", ".join(paths), hint=hint)


def resolve_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings that --values, --chart, --client and --scheduler name; raise SettingsError if the values are wrong."""
    from dfly_analysis.config.resolve import Settings

    return Settings.resolve(given["values"], chart=given["chart"], client=given["client"], scheduler=given["scheduler"])


def load_dataset(paths: Sequence[str], given: Mapping[str, Any]) -> Dataset:
    """Load the input by the options of a command, show progress on a terminal, and report files that cannot be read."""
    from dfly_analysis.dataset import Cache, Prometheus, load

    settings = resolve_settings(given)
    with reporting() as (on_error, progress):
        dataset = load(
            paths, settings=settings, tz=given["tz"], log_format=given["log_format"], records="relevant",
            cache=Cache.of_user() if given["cache"] else None,
            prometheus=Prometheus(given["prometheus"]) if given["prometheus"] else None,
            on_problem=on_error, progress=progress,
        )  # fmt: skip
    for notice in dataset.notices:
        message(notice)
    return dataset
