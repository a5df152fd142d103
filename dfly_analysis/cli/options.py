"""Options of the commands: generated from the shared declarations, and those that only commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import click

from dfly_analysis.cli.output import FORMATS, message, reporting
from dfly_analysis.errors import DflyError
from dfly_analysis.options import (
    Declaration,
    Duration,
    Flag,
    LanguageOptions,
    Options,
    ReadingOptions,
    ReleaseOptions,
    SettingsOptions,
    TargetOptions,
    adapter,
    error_text,
    flag_of,
    read_release,
)
from dfly_analysis.schema import SEVERITIES

if TYPE_CHECKING:
    from dfly_analysis.config import Settings
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
        """Check a text; defaults are right already. Pydantic is imported only for what its option's own check does not cover."""
        if not isinstance(value, str):
            return value
        try:
            found = self.flag.check(value) if self.flag.check else self._validated(value)
        except DflyError as error:
            raise click.BadParameter(
                f"{error.message} ({error.hint})" if error.hint else error.message, ctx, param
            ) from error
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
    """How to print; a log format given here by mistake is answered with the option for it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or name the right option."""
        from dfly_analysis.catalog.log_formats import load_formats

        if value not in FORMATS and any(one.id == value for one in load_formats()):
            raise click.BadParameter(f"{value!r} is a log format; use --log-format", ctx, param)
        return str(super().convert(value, param, ctx))


def option(*names: str, kind: Any, **more: Any) -> Decorator:
    """Return an option of a declared type that only one command has; further arguments are those of click."""
    return click.option(*names, type=OptionType(kind), metavar=flag_of(kind).metavar, **more)


def options(*models: type[Options], without: Sequence[str] = ()) -> Decorator:
    """Return one decorator that adds the declared options of models to a command, in this order."""
    found = [one for model in models for one in model.declarations() if one.flag.shown and one.name not in without]
    return combined(*(_declared(one) for one in found))


def combined(*decorators: Decorator) -> Decorator:
    """Make one decorator of several; their options are shown in this order."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return add


def _declared(one: Declaration) -> Decorator:
    name = one.name.replace("_", "-")
    if one.flag.off:
        return click.option(
            f"--no-{name}", one.name, is_flag=True, callback=lambda _ctx, _param, off: not off, help=one.flag.off
        )
    choices = one.flag.choices
    return click.option(
        f"--{name}",
        one.name,
        type=click.Choice(choices) if choices else OptionType(one.annotation),
        metavar=None if choices else one.flag.metavar,
        default=one.default,
        help=f"{one.help}  [default: {one.flag.default}]" if one.flag.default else one.help,
    )


paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...")
format_option = click.option(
    "--format", "output_format", type=OutputFormat(FORMATS), default="table", help="Output format."
)
settings_options = options(SettingsOptions)
release_options = options(ReleaseOptions)
target_options = options(TargetOptions)
reading_options = options(ReadingOptions)
lang_option = options(LanguageOptions)
timeout_option = option("--timeout", kind=Duration, default="30m", help="Time limit of one report.")
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES[:-1]), help="Exit 1 if any finding has at least this severity."
)
cluster_option = option(
    "--cluster", kind=Annotated[str, Flag("ADDRESS", "address")],
    help="Read the input on the workers of this dask.distributed scheduler, e.g. tcp://host:8786.",
)  # fmt: skip
log_format_only = options(ReadingOptions, without=("prometheus", "cache"))
"""--tz and --log-format alone, for a command that looks at files only."""
_SETTINGS = ("values", "chart", "client", "scheduler")


def folder_option(default: str | None = None) -> Decorator:
    """Return -o, the output directory; required if there is no default."""
    # click takes a default of None for a default: such an option would not be required
    presence: dict[str, Any] = {"default": Path(default)} if default else {"required": True}
    folder = click.Path(path_type=Path, file_okay=False)
    return click.option("-o", "--output", type=folder, metavar="DIR", help="Output directory.", **presence)


def exit_on_severity(present: Iterable[Finding], fail_on: str | None) -> None:
    """Exit with 1 if a finding has at least the severity of --fail-on."""
    if fail_on and any(SEVERITIES.index(one.severity) <= SEVERITIES.index(fail_on) for one in present):
        click.get_current_context().exit(1)


def resolve_settings(given: Mapping[str, Any]) -> Settings | None:
    """Return the settings that --values, --chart, --client and --scheduler name; None if none of them is given.

    Raises
    ------
    SettingsError
        If the values cannot be used.
    """
    if not any(given[name] for name in _SETTINGS):
        return None
    from dfly_analysis.config import Settings

    return Settings.resolve(given["values"], chart=given["chart"], client=given["client"], scheduler=given["scheduler"])


def load_dataset(  # noqa: PLR0913 - each is an option of the commands
    paths: Sequence[str],
    *,
    tz: str,
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    values: str | None = None,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
) -> Dataset:
    """Load the input, show progress on a terminal, and report files that cannot be read."""
    from dfly_analysis.config import Settings
    from dfly_analysis.dataset import Cache, Prometheus, load

    settings = Settings.resolve(values, chart=chart, client=client, scheduler=scheduler)
    with reporting() as (on_error, progress):
        return load(
            paths, settings=settings, tz=tz, log_format=log_format, records="relevant", cache=Cache.of_user() if cache else None,
            prometheus=Prometheus(prometheus) if prometheus else None, on_problem=on_error, progress=progress,
        )  # fmt: skip
