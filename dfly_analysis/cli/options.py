"""Options that several commands share, and how their values become settings and a dataset."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from dfly_analysis.errors import DflyError, SourceError, nearest
from dfly_analysis.knowledge.languages import LANGUAGES
from dfly_analysis.tables import SEVERITIES
from dfly_analysis.units import parse_duration, parse_rate, parse_size

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Finding
    from dfly_analysis.knowledge.version import Line
    from dfly_analysis.settings import Settings

FORMATS = ("table", "json", "yaml", "csv")


_LEAST_BYTES = 1024  # of what is asked about; less is a number whose unit was forgotten


class Size(click.ParamType):  # type: ignore[type-arg]
    """A size such as 20GiB; hands on bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say how to write it."""
        try:
            size = parse_size(value)
        except DflyError as problem:
            raise click.BadParameter(str(problem), ctx, param) from problem
        if size <= 0:
            raise click.BadParameter(f"{value!r} is not above zero", ctx, param)
        if size < _LEAST_BYTES:
            raise click.BadParameter(f"{value!r} is {size} bytes; name the unit, as in 20GiB", ctx, param)
        return size


class Bandwidth(click.ParamType):  # type: ignore[type-arg]
    """A bandwidth such as 100MB/s or 1Gbit/s; hands on bytes per second."""

    name = "bandwidth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, or say how to write it."""
        try:
            rate = parse_rate(value)
        except DflyError as problem:
            raise click.BadParameter(str(problem), ctx, param) from problem
        if rate <= 0:
            raise click.BadParameter(f"{value!r} is not above zero", ctx, param)
        return rate


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A duration such as 30m; hands on seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, or say how to write it."""
        try:
            seconds = parse_duration(value)
        except DflyError as problem:
            raise click.BadParameter(str(problem), ctx, param) from problem
        if seconds <= 0:
            raise click.BadParameter(f"{value!r} is not above zero", ctx, param)
        return seconds


class Release(click.ParamType):  # type: ignore[type-arg]
    """A release of one numbering line; hands on the text.

    A release newer than all known ones of its major number is taken, with a warning, as the newest known; any other that
    was never tagged is refused, for it is misspelt or of another line.
    """

    name = "release"

    def __init__(self, line: Line) -> None:
        self.line: Line = line

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or offer the nearest."""
        from dfly_analysis.knowledge.version import LINE_TITLES, known_release, parse_version, releases

        text, known = str(value).strip(), releases(self.line)
        try:
            asked, tagged = parse_version(text), {parse_version(one) for one in known}
        except DflyError as problem:
            raise click.BadParameter(str(problem), ctx, param) from problem
        if asked in tagged:
            return text
        newest = max(tagged)
        read_as = known_release(self.line, text)
        stage_of_known = parse_version(str(asked)) in tagged
        if read_as and (stage_of_known or (asked > newest and asked.release[0] == newest.release[0])):
            click.echo(
                f"dfly-analysis: warning: {LINE_TITLES[self.line]} {text} is not known; read as {read_as}", err=True
            )
            return text
        near = nearest(text, known)
        span = f"there are {known[0]} to {known[-1]}{'; ' if near else ''}{near}"
        raise click.BadParameter(f"{LINE_TITLES[self.line]} {text} is not known ({span})", ctx, param)


class OutputFormat(click.Choice):  # type: ignore[type-arg]
    """How to print; who names a log format here is told the option for that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or say which option is meant."""
        from dfly_analysis.knowledge.format import load_formats

        if value not in FORMATS and any(one.id == value for one in load_formats()):
            raise click.BadParameter(f"{value!r} is a log format: name it with --log-format", ctx, param)
        return str(super().convert(value, param, ctx))


class LogFormatId(click.ParamType):  # type: ignore[type-arg]
    """A log format such as zap-console; hands on its id."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look it up, or offer the nearest."""
        from dfly_analysis.knowledge.format import load_formats

        known = [one.id for one in load_formats()]
        if value in known:
            return str(value)
        near = nearest(str(value), known)
        raise click.BadParameter(f"{value!r} is no log format; {near or 'known are ' + ', '.join(known)}", ctx, param)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """Make one decorator of several options; they are shown in this order."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


paths_argument = click.argument("paths", nargs=-1, required=True, metavar="PATH...")
format_option = click.option(
    "--format",
    "output_format",
    type=OutputFormat(FORMATS),
    default="table",
    show_default=True,
    help="How to print the result.",
)
size_option = click.option(
    "--size", type=Size(), help="Layer size to advise for, e.g. 20GiB.  [default: the largest seen]"
)
target_option = click.option(
    "--target-failure-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Share of layers that may fail.",
)
lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Language of the page."
)
timeout_option = click.option(
    "--timeout", type=Duration(), default="30m", show_default=True, help="How long a report may take."
)
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES[:-1]), help="Exit with 1 where a finding is as grave."
)
tz_option = click.option(
    "--tz", default="UTC", show_default=True, help="Zone of log times that carry none (scheduler and manager files)."
)


def _log_format(*names: str) -> Decorator:
    said = "Read logs in this format, e.g. zap-console, not the one found."
    return click.option("--log-format", *names, type=LogFormatId(), metavar="ID", help=said)


log_format_option = _log_format()
prometheus_option = click.option(
    "--prometheus", metavar="URL", help="Ask this server too, for the time the logs cover."
)
cluster_option = click.option(
    "--cluster", metavar="ADDRESS", help="Let the workers of this dask.distributed scheduler read the files."
)
reading_options = together(
    tz_option,
    log_format_option,
    prometheus_option,
    click.option("--no-cache", is_flag=True, help="Parse large files anew, and keep nothing of them."),
)
"""How input is read, for commands that analyse it: --tz, --log-format, --prometheus and --no-cache."""
writing_options = together(tz_option, _log_format("--format"), prometheus_option, cluster_option)
"""The same for the command that writes tables, which needs no cache: --tz, --log-format, --prometheus and --cluster."""
release_options = together(
    click.option("--chart", type=Release("chart"), metavar="V", help="Version of the Helm chart, e.g. 1.7.4."),
    click.option("--client", type=Release("client"), metavar="V", help="Release of the client, e.g. v1.5.1."),
    click.option(
        "--scheduler", type=Release("server"), metavar="V", help="Release of scheduler and manager, e.g. v2.5.1."
    ),
)
"""What runs: --chart, --client and --scheduler."""
settings_options = together(
    click.option("--values", type=click.Path(path_type=Path), metavar="FILE", help="Your Helm values."), release_options
)
"""What is set and what runs: --values, --chart, --client and --scheduler."""
_OF_SETTINGS = ("values", "chart", "client", "scheduler")


def folder_option(default: str | None = None) -> Decorator:
    """Return -o, a folder to write to; without a default it has to be named."""
    # click 8.3 takes `default=None` for a value, and would no longer require the option
    given: dict[str, Any] = {"required": True} if default is None else {"default": Path(default), "show_default": True}
    path = click.Path(path_type=Path, file_okay=False)
    return click.option("-o", "--output", type=path, metavar="DIR", help="Folder to write to.", **given)


def end_where_grave(present: Iterable[Finding], fail_on: str | None) -> None:
    """End with 1 where a finding is as grave as --fail-on says."""
    if fail_on and any(SEVERITIES.index(one.severity) <= SEVERITIES.index(fail_on) for one in present):
        click.get_current_context().exit(1)


def resolved(asked: Mapping[str, Any]) -> Settings | None:
    """Return the settings that --values, --chart, --client and --scheduler name; None where they name none.

    Raises
    ------
    SettingsError
        Where the values cannot be used.
    """
    if not any(asked[name] for name in _OF_SETTINGS):
        return None
    from dfly_analysis.settings import Settings

    return Settings.resolve(asked["values"], chart=asked["chart"], client=asked["client"], scheduler=asked["scheduler"])


def load_dataset(  # noqa: PLR0913 - each is an option of the commands
    paths: Sequence[str],
    *,
    tz: str,
    log_format: str | None = None,
    prometheus: str | None = None,
    no_cache: bool = False,
    values: Path | None = None,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
) -> Dataset:
    """Load what the user named, tell of files that cannot be read, and show progress on a terminal."""

    from dfly_analysis.dataset import Cache, Prometheus, load
    from dfly_analysis.settings import Settings

    settings = Settings.resolve(values, chart=chart, client=client, scheduler=scheduler)
    with telling() as (tell, progress):
        return load(
            paths, settings=settings, tz=tz, log_format=log_format, records="relevant", cache=None if no_cache else Cache.of_user(),
            prometheus=Prometheus(prometheus) if prometheus else None, on_problem=tell, progress=progress,
        )  # fmt: skip


@contextmanager
def telling() -> Iterator[tuple[Callable[[SourceError], None], Progress]]:
    """Show progress on a terminal, and at the end say what could not be read, a line each."""
    told: list[str] = []

    def tell(problem: SourceError) -> None:
        told.append(str(problem))

    with Progress() as progress:
        yield tell, progress
    for problem in told:
        click.echo(f"dfly-analysis: {problem}", err=True)


class Progress:
    """One line on stderr that says which file is read; silent where stderr is no terminal."""

    def __init__(self) -> None:
        self._shows = bool(sys.stderr.isatty())
        self._width = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __call__(self, text: str) -> None:
        """Show what is being done."""
        if self._shows:
            line = text if len(text) <= 100 else f"…{text[-99:]}"
            click.echo(f"\r{line:<{self._width}}", nl=False, err=True)
            self._width = len(line)

    def __exit__(self, *_: object) -> None:
        """Wipe the line."""
        if self._shows and self._width:
            click.echo(f"\r{'':<{self._width}}\r", nl=False, err=True)
