"""Commands that look things up or make input safe to pass on: inspect, facts, explain, redact."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import Size, folder_option, format_option, log_format_option, paths_argument, tz_option
from dfly_analysis.cli.printing import as_table, enveloped, print_result, terminal_width, wrap
from dfly_analysis.cli.upgrading import print_upgrade
from dfly_analysis.errors import FactMissingError, SourceError, nearest

if TYPE_CHECKING:
    from dfly_analysis.diagnosis.checks import Check
    from dfly_analysis.knowledge.fact import Fact
    from dfly_analysis.knowledge.signature import Signature
    from dfly_analysis.knowledge.trap import Trap


@click.command()
@paths_argument
@tz_option
@log_format_option
@format_option
def inspect(paths: tuple[str, ...], tz: str, log_format: str | None, output_format: str) -> None:
    """Say what each file was taken for, and what of it was read."""
    from dfly_analysis.dataset import inspect_inputs

    rows: list[dict[str, Any]] = [
        {"kind": row["kind"], "format": row.get("format"), "component": row.get("component"), "host": row.get("host"), "lines": row["lines"],
         "parsed": row["parsed"], "continued": row["continuation"], "rejected": row["rejected"], "note": row.get("note"), "why": row.get("why"), "path": row["path"]}
        for row in inspect_inputs(paths, tz, log_format)
    ]  # fmt: skip
    text = _stock_text(rows) if output_format == "table" else None
    print_result(enveloped(files=rows), output_format, {"files": rows}, text)


def _stock_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Show paths without what all of them begin with, and how many files there are of each kind."""
    folders = [re.sub(r"[^/!]*$", "", str(row["path"])) for row in rows]
    # A prefix of letters, cut back to a whole step: archive members follow after "!", which paths do not know.
    shared = re.sub(r"[^/!]*$", "", os.path.commonprefix(folders)) if len(rows) > 1 else ""  # noqa: RUF071
    kinds = Counter(str(row["kind"]) for row in rows)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    title = f"{len(rows)} file{'' if len(rows) == 1 else 's'}: {counted}" + (f"\nunder {shared}" if shared else "")
    if len(rows) == 1 and rows[0].get("why"):
        title += f"\n{rows[0]['why']}"
    left_out = ("path", "component", "note", "why")
    shown = [
        {name: value for name, value in row.items() if name not in left_out}
        | {"format": _wrapped(row), "path": _noted(row, shared)}
        for row in rows
    ]
    return as_table(title, shown)


def _wrapped(row: Mapping[str, Any]) -> Any:
    """Return the format, with what is around it where it is wrapped."""
    around, _, _ = str(row.get("why") or "").partition(":")
    return around if " around " in around and "as asked" not in around else row["format"]


def _noted(row: Mapping[str, Any], shared: str) -> str:
    path = str(row["path"]).removeprefix(shared)
    return f"{path} ({row['note']})" if isinstance(row.get("note"), str) else path


@click.command()
@click.argument("key", required=False)
@click.option(
    "--at",
    "version",
    metavar="V",
    help="Value at a release: v1.5.1 (client), v2.5.1 (scheduler, manager), 1.7.4 or chart-1.7.4.",
)
@click.option(
    "--diff",
    "between",
    nargs=2,
    metavar="V1 V2",
    help="What changed between two releases; without KEY, an upgrade note.",
)
@click.option("--size", type=Size(), help="Size of the layer an upgrade note tells of.  [default: 20GiB]")
@format_option
def facts(
    key: str | None, version: str | None, between: tuple[str, str] | None, size: int | None, output_format: str
) -> None:
    """Look up a setting: its meaning, its defaults by release.

    KEY may be download.pieceTimeout, a Helm path such as seedClient.config.download.pieceTimeout, or component:key.
    Without KEY, --diff V1 V2 prints all that an upgrade changes, and what follows for a large layer.
    """
    from dfly_analysis.knowledge.fact import fact, facts_at, facts_by_release, facts_diff

    if version and between:
        raise click.UsageError("--at and --diff exclude each other")
    if key is None:
        if between is None:
            raise click.UsageError("name a KEY, or two releases with --diff V1 V2")
        print_upgrade(*between, size, output_format)
        return
    if size is not None:
        raise click.UsageError("--size goes with --diff V1 V2 and no KEY")
    if between:
        rows = facts_diff(key, *between)
    elif version:
        rows = facts_at(key, version)
    else:
        rows = facts_by_release(key)
    meanings = {f"{one.component}: {one.key}": _meaning(one) for one in fact(key)}
    text = _facts_text(meanings, rows) if output_format == "table" else None
    print_result(enveloped(key=key, facts=rows), output_format, {key: rows}, text)


def _meaning(one: Fact) -> str:
    costs = [f"{word}: {said}" for word, said in (("too small", one.too_small), ("too large", one.too_large)) if said]
    return "; ".join([one.meaning, *costs])


def _facts_text(meanings: Mapping[str, str], rows: list[dict[str, Any]]) -> str:
    """Show what the key means, then its rows without what is the same in all of them."""
    said: dict[str, list[str]] = {}
    for name, meaning in meanings.items():
        said.setdefault(meaning, []).append(name)
    lines = [
        line for meaning, names in said.items() for line in wrap(f"{', '.join(names)}: {meaning}", terminal_width())
    ]
    notes = dict.fromkeys(str(row["note"]) for row in rows if row.get("note"))
    lines += [line for note in notes for line in wrap(f"note: {note}", terminal_width())]
    hidden = {"note", "key", "line"} | ({"component"} if all(row.get("helm_path") for row in rows) else set())
    shown = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    return "\n".join([*lines, "", as_table("", shown) if shown else "no difference"])


@click.command()
@click.argument("finding_id")
@format_option
def explain(finding_id: str, output_format: str) -> None:
    """Explain a finding, a trap or a topic of advice."""
    from dfly_analysis.diagnosis.checks import all_checks
    from dfly_analysis.knowledge.signature import load_signatures, signature
    from dfly_analysis.knowledge.trap import load_traps
    from dfly_analysis.rules import all_rules

    check = next((known for known in all_checks() if known.id == finding_id), None)
    one = signature(finding_id)
    trap = next((known for known in load_traps() if known.id == finding_id), None)
    rules = all_rules()
    if check is not None:
        data = _about_check(check)
    elif one is not None:
        data = _about_signature(one)
    elif trap is not None:
        data = _about_trap(trap)
    elif finding_id in rules:
        data = _about_rule(finding_id, rules[finding_id])
    else:
        known = [one.id for one in load_signatures()] + [one.id for one in all_checks()]
        known += [*(one.id for one in load_traps()), *rules]
        hint = nearest(finding_id, known) or "`dfly-analysis diagnose` prints the ids"
        raise FactMissingError(f"no finding is called {finding_id!r}", hint=hint)
    rows = [{"": name, finding_id: value} for name, value in data.items() if value and name != "id"]
    print_result(enveloped(**data), output_format, {"": rows})


def _about_rule(name: str, rule: Callable[..., Any]) -> dict[str, Any]:
    about = (sys.modules[rule.__module__].__doc__ or "").partition("\n")[0]
    return {
        "id": name, "title": about.replace("`", ""), "layer": "topic of advice", "what it says": (rule.__doc__ or "").partition("\n")[0],
        "what to do": "run `dfly-analysis recommend` on your logs; docs/explanation/sizing.md says what each topic rests on",
        "what to collect": "what `dfly-analysis collect` gathers",
    }  # fmt: skip


def _about_signature(one: Signature) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "written by": one.component, "versions": one.versions or "all", "layer": one.layer, "cause": one.cause,
        "severity": one.severity, "governed by": one.knob, "repeats": one.echo_of, "what to do": one.remedy, "what to collect": one.collect,
        "looks like": one.matching[0] if one.matching else None, "references": "; ".join(one.references),
    }  # fmt: skip


def _about_trap(one: Trap) -> dict[str, Any]:
    when = " or ".join(" and ".join(comparison.text for comparison in group) for group in one.when)
    return {
        "id": one.id, "title": one.title, "layer": "trap of a configuration", "severity": one.severity, "governed by": one.knob,
        "roles": ", ".join(one.roles) if one.when else None, "how it is found": when or f"a key is {' or '.join(one.kinds)}".replace("_", " "),
        "what to do": one.remedy, "what to collect": "values or components' own files, for check-config", "references": "; ".join(one.references),
    }  # fmt: skip


def _about_check(one: Check) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "layer": "check", "governed by": one.knob, "how it is found": one.method, "what to do": one.remedy,
        "what to collect": one.collect,
    }  # fmt: skip


@click.command()
@paths_argument
@folder_option()
def redact(paths: tuple[str, ...], output: Path) -> None:
    """Copy text files without their secrets."""
    from dfly_analysis.io import open_sources
    from dfly_analysis.logs.sniff import strip_colour
    from dfly_analysis.redaction import redact as without_secrets

    written: set[Path] = set()

    def tell(problem: SourceError) -> None:
        click.echo(f"dfly-analysis: {problem}", err=True)

    for opened in open_sources(paths, on_problem=tell):
        if b"\x00" in opened.head()[:4096]:
            tell(SourceError("is not text and was not copied", where=opened.address))
            continue
        target = _unused(output / _safe(opened.address), written)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8") as out:
            for line in opened.lines():
                out.write(without_secrets(strip_colour(line)) + "\n")  # a colour would hide a word
        written.add(target)
        click.echo(str(target))
        if opened.problem:
            tell(SourceError(opened.problem, where=opened.address, hint="what came before was copied"))
    if not written:
        raise SourceError("nothing could be copied", where=", ".join(paths), hint="name text files, or what holds them")


def _unused(target: Path, written: set[Path]) -> Path:
    """Return the path, or one beside it where another input was already written there."""
    number, found = 2, target
    while found in written:
        found = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    return found


def _safe(address: str) -> Path:
    """Return a relative path that stays inside the folder it is put into; what is written there is not compressed."""
    if address == "-":
        return Path("stdin.log")
    parts = [part for part in re.split(r"[/!\\]+", address) if part not in ("", ".", "..")]
    parts[-1] = re.sub(r"(?<=.)\.(?:gz|xz|bz2|zst)$", "", parts[-1])
    return Path(*(re.sub(r"[^\w.+=@-]", "_", part) for part in parts))
