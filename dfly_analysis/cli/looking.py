"""Commands that look things up or make input safe to pass on: inspect, facts, explain, redact."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from dfly_analysis.cli.options import format_option, paths_argument, tz_option
from dfly_analysis.cli.printing import print_result
from dfly_analysis.errors import FactMissingError, SourceError, nearest


@click.command()
@paths_argument
@tz_option
@format_option
def inspect(paths: tuple[str, ...], tz: str, output_format: str) -> None:
    """Say what each file was taken for, and what became of its lines."""
    from dfly_analysis.loading import take_stock

    rows: list[dict[str, Any]] = [
        {"kind": row["kind"], "format": row.get("format"), "component": row.get("component"), "host": row.get("host"), "lines": row["lines"],
         "parsed": row["parsed"], "continued": row["continuation"], "rejected": row["rejected"], "note": row.get("note"), "path": row["path"]}
        for row in take_stock(paths, tz)
    ]  # fmt: skip
    print_result(rows, output_format, {f"{len(rows)} files": rows})


@click.command()
@click.argument("key")
@click.option(
    "--at",
    "version",
    metavar="V",
    help="Value at a release: v1.5.1 (client), v2.5.1 (scheduler, manager), 1.7.4 or chart-1.7.4.",
)
@click.option("--diff", "between", nargs=2, metavar="V1 V2", help="What changed between two releases of one line.")
@format_option
def facts(key: str, version: str | None, between: tuple[str, str] | None, output_format: str) -> None:
    """Look up a setting: what it means, its default at a release, what changed between two.

    KEY may be download.pieceTimeout, a Helm path such as seedClient.config.download.pieceTimeout, or component:key.
    """
    from dfly_analysis.knowledge.fact import fact, facts_at, facts_diff

    if version and between:
        raise click.UsageError("--at and --diff exclude each other")
    if between:
        rows = facts_diff(key, *between)
    elif version:
        rows = facts_at(key, version)
    else:
        rows = [
            {
                "component": one.component,
                "key": one.key,
                "helm_path": one.helm_path,
                "since": era.since,
                "until": era.until,
                "default": era.default,
                "source": era.source,
            }
            for one in fact(key)
            for era in one.eras
        ]
    meaning = {f"{one.component}: {one.key}": one.meaning for one in fact(key)} if output_format == "table" else {}
    for name, text in meaning.items():
        click.echo(f"{name}: {text}", err=True)
    print_result(rows, output_format, {key: rows or [{"key": key, "value": "no difference"}]})


@click.command()
@click.argument("finding_id")
@format_option
def explain(finding_id: str, output_format: str) -> None:
    """Explain a finding: what it means, what to do, what to collect."""
    from dfly_analysis.knowledge.signature import load_signatures, signature

    one = signature(finding_id)
    if one is None:
        hint = nearest(finding_id, (known.id for known in load_signatures()))
        raise FactMissingError(
            f"no signature is called {finding_id!r}", hint=hint or "`dfly-analysis diagnose` prints the ids"
        )
    data = {
        "id": one.id, "title": one.title, "written by": one.component, "versions": one.versions or "all", "layer": one.layer, "cause": one.cause,
        "severity": one.severity, "governed by": one.knob, "repeats": one.echo_of, "what to do": one.remedy, "what to collect": one.collect,
        "looks like": one.matching[0] if one.matching else None, "references": "; ".join(one.references),
    }  # fmt: skip
    print_result(data, output_format, {one.id: [{"what": name, "": value} for name, value in data.items() if value]})


@click.command()
@paths_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to write to."
)
def redact(paths: tuple[str, ...], output: Path) -> None:
    """Copy text files with secrets taken out, so that they can be passed on."""
    from dfly_analysis.redaction import redact as without_secrets
    from dfly_analysis.sources import open_sources

    written = 0

    def tell(problem: SourceError) -> None:
        click.echo(f"dfly-analysis: {problem}", err=True)

    for opened in open_sources(paths, on_problem=tell):
        if b"\x00" in opened.head()[:4096]:
            tell(SourceError("is not text and was not copied", where=opened.address))
            continue
        target = output / _safe(opened.address)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8") as out:
            for line in opened.lines():
                out.write(without_secrets(line) + "\n")
        written += 1
        click.echo(str(target))
    if not written:
        raise SourceError("nothing could be copied", where=", ".join(paths))


def _safe(address: str) -> Path:
    """Return a relative path that stays inside the folder it is put into."""
    parts = [part for part in re.split(r"[/!\\]+", address) if part not in ("", ".", "..")]
    return Path(*(re.sub(r"[^\w.+=@-]", "_", part) for part in parts)) if address != "-" else Path("stdin.log")
