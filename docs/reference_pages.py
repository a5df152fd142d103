"""Writes the reference pages from the code: packages, tables, findings, known failures, settings and commands."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

import dfly_analysis
from dfly_analysis import schema
from dfly_analysis.catalog.checks import CheckDescription, load_checks
from dfly_analysis.catalog.config_checks import load_config_rules
from dfly_analysis.catalog.defaults import KeyDefaults, all_defaults
from dfly_analysis.catalog.error_signatures import Signature, load_signatures

_METRIC = "metric:"


def write_reference(folder: Path) -> None:
    """Write all pages into a folder and remove all other files from it."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = dict(_pages())
    for stale in {path.name for path in folder.iterdir()} - set(pages):
        (folder / stale).unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _pages() -> Iterator[tuple[str, str]]:
    yield "tables.md", _tables_page()
    yield "findings.md", _findings_page()
    yield "failures.md", _failures_page()
    yield "config_checks.md", _config_checks_page()
    yield "settings.md", _settings_page()
    yield "timeouts.md", _timeouts_page()
    yield "metrics.md", _metrics_page()
    if importlib.util.find_spec("dfly_analysis.cli"):
        yield "commands.md", _commands_page()
    packages: dict[str, list[str]] = {}
    for name in _public_modules():
        packages.setdefault(".".join(name.split(".")[:2]), []).append(name)
    for package, names in packages.items():
        yield f"{package}.rst", _package_page(names)


def _package_page(names: Sequence[str]) -> str:
    """One page per package, since the navigation lists all pages."""
    parts = []
    for place, name in enumerate(names):
        title = f"``{name}``"
        parts.append(
            f"{title}\n{('-' if place else '=') * len(title)}\n\n.. automodule:: {name}\n   :members:\n   :ignore-module-all:\n"
        )
    return "\n".join(parts)


def _public_modules() -> Iterator[str]:
    yield dfly_analysis.__name__
    for module in pkgutil.walk_packages(dfly_analysis.__path__, prefix="dfly_analysis."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name


def _tables_page() -> str:
    parts = ["# Tables\n\nThe columns of the tables of a dataset.\n"]
    for table in schema.ALL:
        rows = [(f"`{column.name}`", column.dtype, column.unit, column.meaning) for column in table.columns]
        parts.append(
            f"## {table.name}\n\nOne row is {table.row}.\n\n{_grid(('column', 'type', 'unit', 'meaning'), rows)}"
        )
    return "\n".join(parts)


def _findings_page() -> str:
    signatures = {one.id: one for one in load_signatures() if one.finding}
    checks = load_checks()
    intro = (
        f"# Findings\n\nA diagnosis gives a verdict on {len(signatures)} known error texts and {len(checks)} checks of tables. "
        "`dfly-analysis explain ID` prints the same in the terminal.\n"
    )
    groups: dict[str, list[str]] = {}
    for one in signatures.values():
        groups.setdefault(_cause_title(one.cause), []).append(one.id)
    groups["Found by comparing tables"] = list(checks)
    index = [
        (title, ", ".join(f"[`{name}`](#{name})" for name in sorted(names))) for title, names in sorted(groups.items())
    ]
    parts = [intro, _grid(("cause", "findings"), index)]
    entries = {
        **{name: _signature_entry(one) for name, one in signatures.items()},
        **{name: _check_entry(one) for name, one in checks.items()},
    }
    return "\n".join([*parts, *(entries[name] for name in sorted(entries))])


def _cause_title(cause: str) -> str:
    return "Texts that do not tell the cause" if cause == "unknown" else cause.replace("_", " ").capitalize()


def _signature_entry(one: Signature) -> str:
    rows = [
        (
            "Found by",
            f"the text of a line, logged by {'any component' if one.component == 'any' else one.component} ({one.versions or 'all releases'})",
        ),
        ("Cause", f"{one.cause.replace('_', ' ')} ({one.layer})" if one.cause else one.layer),
        ("Repeats", f"`{one.echo_of}`" if one.echo_of else ""),
        ("Setting", f"`{one.knob}`" if one.knob else ""),
        ("What to do", one.remedy),
        ("What to collect", one.collect or ""),
    ]
    sample = f"\n```text\n{one.samples.match[0]}\n```\n" if one.samples.match else ""
    return _entry(one.id, one.title, rows) + sample


def _check_entry(one: CheckDescription) -> str:
    rows = [
        ("Found by", one.method),
        ("Setting", f"`{one.knob}`" if one.knob else ""),
        ("What to do", one.remedy),
        ("What to collect", one.collect or ""),
    ]
    return _entry(one.id, one.title, rows)


def _entry(name: str, title: str, items: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"* **{label}:** {' '.join(text.split())}\n" for label, text in items if text)
    return f"## {name}\n\n{title}.\n\n{rows}"


def _failures_page() -> str:
    rows = [
        (
            f"`{one.id}`",
            one.title,
            one.component,
            one.versions or "all",
            one.layer,
            one.cause.replace("_", " "),
            f"`{one.knob}`" if one.knob else "",
            f"`{one.echo_of}`" if one.echo_of else "",
            one.remedy,
        )
        for one in sorted(load_signatures(), key=lambda one: one.id)
    ]
    intro = (
        "# Known failures\n\nThe error texts are in `dfly_analysis/catalog/entries/error_signatures/`. A *cause* says why it failed, a *symptom*\n"
        "what was observed, a *wrapper* which step reported it, an *echo* repeats another line, and a *benign* one is no failure.\n"
        "`dfly-analysis explain ID` prints one with a sample and its references.\n"
    )
    return f"{intro}\n{_grid(('id', 'what', 'written by', 'versions', 'layer', 'cause', 'setting', 'repeats', 'what to do'), rows)}"


def _config_checks_page() -> str:
    rows = [
        (
            f"`{one.id}`",
            one.title,
            one.severity,
            f"`{one.condition}`" if one.when else one.condition,
            f"`{one.knob}`" if one.knob else "",
            one.remedy,
        )
        for one in load_config_rules()
    ]
    intro = (
        f"# Configuration checks\n\n`dfly-analysis check-config` has {len(rows)} checks, with samples in\n"
        "`dfly_analysis/catalog/entries/config_checks/`. A name with `$` is a quantity computed from settings, size and bandwidth.\n"
    )
    return f"{intro}\n{_grid(('id', 'what', 'severity', 'when', 'setting', 'what to do'), rows)}"


def _settings_page() -> str:
    known = [item for item in all_defaults() if not item.key.startswith(_METRIC)]
    intro = (
        f"# Settings by version\n\n{len(known)} settings and fixed rules with their defaults by release, as printed by `dfly-analysis facts KEY`.\n"
        "Client and seed client are one program; the chart's values for each may differ.\n"
    )
    parts = [intro]
    for component in dict.fromkeys(item.component for item in known):
        rows = [_setting_row(item) for item in known if item.component == component]
        parts.append(f"## {component}\n\n{_grid(('key', 'unit', 'what it does', 'default', 'chart'), rows)}")
    return "\n".join(parts)


def _timeouts_page() -> str:
    known = [item for item in all_defaults() if not item.key.startswith(_METRIC) and "timeout" in item.key.lower()]
    intro = (
        f"# Timeouts by version\n\n{len(known)} timeouts with their default by release, of the program itself and of the chart. "
        "See [the timeouts of a large preheat](../../explanation/timeouts.md); `dfly-analysis facts KEY` prints the source of a value.\n"
    )
    parts = [intro]
    for item in known:
        rows = [
            (
                "program",
                f"{era.since} to {era.until}",
                f"ignored, {era.ignored}" if era.ignored else _format_default(era.default),
            )
            for era in item.eras
        ]
        rows += [("chart", f"{run.since} to {run.until}", _format_default(run.value)) for run in item.chart_runs]
        parts.append(
            f"## {item.component}: {item.key}\n\n{item.meaning}.\n\n{_grid(('by', 'releases', 'default'), rows)}"
        )
    return "\n".join(parts)


def _metrics_page() -> str:
    known = [item for item in all_defaults() if item.key.startswith(_METRIC)]
    rows = [
        (
            f"`{item.key.removeprefix(_METRIC)}`",
            item.component,
            item.meaning,
            "; ".join(f"{era.since} to {era.until}: {era.default}" for era in item.eras),
        )
        for item in known
    ]
    intro = f"# Metrics by version\n\n{len(rows)} metrics that the components export for Prometheus, with their labels by release.\n"
    return f"{intro}\n{_grid(('name', 'exported by', 'what it counts', 'kind and labels'), rows)}"


def _setting_row(item: KeyDefaults) -> tuple[str, ...]:
    eras = "; ".join(
        f"{era.since} to {era.until}: {f'ignored, {era.ignored}' if era.ignored else _format_default(era.default)}"
        for era in item.eras
    )
    runs = "; ".join(f"{run.since} to {run.until}: {_format_default(run.value)}" for run in item.chart_runs)
    return (f"`{item.key}`", item.unit.replace("_", " "), item.meaning, eras, runs)


def _format_default(value: object) -> str:
    return "unset" if value is None else f"`{value}`" if str(value) else "empty"


def _commands_page() -> str:
    main = importlib.import_module("dfly_analysis.cli").main
    parts = ["# Commands\n"]
    for path, command in _commands(main, ("dfly-analysis",)):
        context = click.Context(
            command,
            help_option_names=["-h", "--help"],
            info_name=" ".join(path),
            max_content_width=100,
            terminal_width=100,
        )
        parts.append(f"{'#' * (len(path) + 1)} {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, help_option_names=["-h", "--help"])
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _commands(inner, (*path, name))


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [
        header,
        ["---"] * len(header),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
