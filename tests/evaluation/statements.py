"""Every statement of a report against the truth of its run: none contradicted, none without support.

Run it as ``python -m tests.evaluation.statements [FOLDER] [--runs 12] [--first-seed 1] [--write]``: FOLDER holds real runs
(``NAME.tar.gz`` with ``NAME.truth.json``); without it generated runs are judged. ``--write`` writes
docs/evaluation/statements-real.md or statements.md.
"""

import argparse
import json
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import dfly_analysis as dfly
from dfly_analysis.models import LayerShape
from dfly_analysis.models.layer_failure import layer_failure_chance
from dfly_analysis.units import parse_duration, parse_size
from tests.synthetic import CASES, CLIENTS, VARIANTS, write_run

PAGES = Path(__file__).resolve().parents[2] / "docs" / "evaluation"
_NEAR = 1.2
"""A true quantile this many times outside its interval contradicts it: the law holds to a few milliseconds."""
_TOO_LONG = 5.0


@dataclass(frozen=True)
class Judgement:
    """One statement of one run: ``agrees``, ``contradicted``, ``unsupported``, or ``supported`` where the truth says nothing of it."""

    run: str
    statement: str
    verdict: str
    why: str = ""


def judge(name: str, report: Any, truth: Mapping[str, Any]) -> list[Judgement]:
    """Judge every statement of a report."""
    judged = []
    for one in report["statements"]:
        if lack := _lacks(one, report):
            judged.append(Judgement(name, one["id"], "unsupported", lack))
            continue
        wrong = [why for why in _against(one, truth, report) if why is not None]
        known = bool(wrong)
        said = [why for why in wrong if why]
        judged.append(
            Judgement(name, one["id"], "contradicted" if said else "agrees" if known else "supported", "; ".join(said))
        )
    present = {one["id"] for one in report["statements"]}
    judged += [
        Judgement(name, f"finding.{finding}", "contradicted", "planted, and not said")
        for finding in truth.get("findings", ())
        if f"finding.{finding}.count" not in present
    ]
    return judged


def _lacks(one: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Return what a statement lacks: support that exists, and a figure that says something."""
    findings = {found["id"]: found for found in report["diagnose"]["findings"]}
    fits = {fit["name"]: fit for fit in report["fit"]["fits"]}
    if not one["support"]:
        return "no support"
    for support in one["support"]:
        name, n = support["name"], support["n"]
        if support["source"] == "finding" and (name not in findings or findings[name]["verdict"] != "present"):
            return f"the finding {name} is not present"
        if support["source"] == "finding" and not set(support["lines"]) <= {
            f"{line['path']}:{line['line']}" for line in findings[name]["evidence"]
        }:
            return f"lines that {name} does not have"
        if support["source"] == "fit" and one["kind"] == "predicted" and (name not in fits or fits[name]["n"] != n):
            return f"the fit {name} is not there"
        if not name:
            return "support without a name"
    low, high, value = one["low"], one["high"], one["value"]
    if one["unit"] == "share" and None not in (low, high) and high - low >= 0.9 and not one["id"].startswith("cause."):
        return "everything is possible"
    if one["unit"] in {"s", "bytes", "B/s"} and low and high and high > 10.0 * low:
        return "an interval of more than a factor of ten"
    if one["kind"] == "proposed" and one["unit"] != "1" and high is not None and value < high * (1 - 1e-9):
        return "a proposal below its own upper end"
    return ""


def _against(one: Mapping[str, Any], truth: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield of each truth that speaks of a statement what is wrong, an empty text where nothing is."""
    name, value = one["id"], one["value"]
    if value is None:
        return
    by_cause = truth["tasks_failed_by_cause"]
    if name == "tasks.failed":
        yield _same(value, truth["tasks_failed"])
    elif name == "primary_cause":
        most = max(by_cause.values(), default=0)
        right = by_cause.get(value) == most if most else False
        yield "" if right else f"said {value}, planted {truth['primary_cause']}"
    elif name.startswith("cause.") and name.endswith(".tasks"):
        yield _same(value, by_cause.get(name.split(".")[1], 0))
    elif name == "jobs.success":
        yield _same(value, list(truth["job_states"]).count("SUCCESS"))
    elif name == "jobs.missing_blobs" and set(truth["job_states"]) == {"SUCCESS"}:
        yield (
            ""
            if value >= truth["layers_failed"] and (value > 0) == (truth["layers_failed"] > 0)
            else f"said {value}, lost {truth['layers_failed']}"
        )
    elif name.startswith("version.") and name.endswith(("client", "seedClient")):
        yield _same(value, truth["client"])
    elif name.startswith("setting.seedClient.download."):
        key = name.rsplit(".", 1)[1]
        if key in truth["seed_settings"]:
            wanted = truth["seed_settings"][key]
            yield _same(parse_duration(value) if key.endswith("Timeout") else float(value), parse_duration(wanted) if key.endswith("Timeout") else float(wanted))  # fmt: skip
    elif name.startswith("quantile.piece_from_source"):
        yield _quantile(one, truth, report)
    elif name == "prediction.now":
        yield _prediction(one, truth, report)
    elif name == "proposal.seedClient.download.pieceTimeout":
        yield _proposal(one, truth, report)
    elif name.startswith("plan.") and one["unit"] == "share":
        lost = truth["layers_failed"] / max(len(truth["layers"]), 1)
        yield (
            ""
            if lost == 0 or one["high"] >= lost / 4
            else f"at most {one['high']:.2%} of layers, and {lost:.0%} failed"
        )
    elif name == "pull.on the node.pull":
        seed = next((other["value"] for other in report["statements"] if other["id"] == "pull.on a seed.pull"), None)
        yield "" if seed is None or value <= seed * (1 + 1e-9) else "slower than over the network"
    elif name == "estimate.seedClient.network.attempts whose connection was reset or cut short":
        planted = sum(n for how, n in truth["requests_at_origin"].items() if how in {"reset", "truncated"})
        yield "" if (value > 0) == (planted > 0) else f"said {value:.2%}, the registry cut {planted} requests short"
    elif name == "finding.preheat_false_success" and value == "absent":
        yield "" if not truth["layers_failed"] or set(truth["job_states"]) != {"SUCCESS"} else "the jobs lie"
    elif name.startswith("finding.") and value == "present":
        yield from _finding(name.removeprefix("finding."), truth, report)


def _same(said: Any, true: Any) -> str:
    return "" if said == true else f"said {said}, is {true}"


def _finding(name: str, truth: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str | None]:
    found = next(one for one in report["diagnose"]["findings"] if one["id"] == name)
    if found["tasks"] and found["cause"] and not found["echo_of"] and not truth.get("others", ()):
        known = found["cause"] in truth["tasks_failed_by_cause"]
        yield (
            ""
            if known
            else f"{found['tasks']} tasks by {found['cause']}, planted {dict(truth['tasks_failed_by_cause'])}"
        )
    if name == "preheat_false_success":
        lies = truth["layers_failed"] > 0 and "SUCCESS" in truth["job_states"]
        yield "" if lies else "no job lies"


def _law(truth: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return median rate and spread of the registry's law where it is a plain log-normal."""
    origin = truth["origin"]
    plain = {"rate_bps", "rate_sigma"}
    if not plain <= set(origin) or any(
        value for key, value in origin.items() if key not in plain and not key.endswith("_from_s")
    ):
        return None
    return float(origin["rate_bps"]), float(origin["rate_sigma"])


def _quantile(one: Mapping[str, Any], truth: Mapping[str, Any], report: Mapping[str, Any]) -> str | None:
    law = _law(truth)
    size = re.search(r"finish, ([\d.]+ [KMG]iB) ", one["text"])
    if (
        law is None
        or size is None
        or "_client" in one["id"]
        or any(fit["name"] == "registry_time" for fit in report["fit"]["fits"])
    ):
        return None  # where hosts were slow, a client's time is not the registry's
    p = float(one["id"].split(".", 2)[2])
    true = parse_size(size[1]) / law[0] * math.exp(NormalDist().inv_cdf(p) * law[1])
    inside = one["low"] / _NEAR <= true and (one["high"] is None or true <= _NEAR * one["high"] + 0.1)
    return "" if inside else f"{one['low']:.3g} to {one['high']}, is {true:.3g} s"


def _layer(report: Mapping[str, Any]) -> LayerShape | None:
    found = report["prediction"]
    if "piece_bytes" not in found:
        return None
    return LayerShape(
        found["size_bytes"], found["piece_bytes"], found["slots"], found["passes"], found["siblings_cancelled"]
    )


def _chance(law: tuple[float, float], layer: LayerShape, timeout_s: float) -> float:
    late = 1.0 - NormalDist().cdf(math.log(timeout_s * law[0] / layer.piece_bytes) / law[1])
    return layer_failure_chance(late, layer)


def _prediction(one: Mapping[str, Any], truth: Mapping[str, Any], report: Mapping[str, Any]) -> str | None:
    law, layer, now_s = _law(truth), _layer(report), report["prediction"].get("timeout_now_s")
    if law is None or layer is None or now_s is None or one["high"] is None:
        return None
    true = _chance(law, layer, now_s)
    return (
        ""
        if one["low"] / 2 - 1e-5 <= true <= 2 * one["high"] + 1e-5
        else f"{one['low']:.2%} to {one['high']:.2%}, is {true:.2%}"
    )


def _proposal(one: Mapping[str, Any], truth: Mapping[str, Any], report: Mapping[str, Any]) -> str | None:
    law, layer = _law(truth), _layer(report)
    if law is None or layer is None:
        return None
    low, high = 0.01, 1e5
    while high > 1.001 * low:
        middle = math.sqrt(low * high)
        low, high = (
            (middle, high)
            if _chance(law, layer, middle) > report["recommend"]["target_failure_rate"]
            else (low, middle)
        )
    return "" if high <= one["value"] <= _TOO_LONG * high else f"{one['value']:g} s, needed {high:.3g} s"


def real_runs(folder: Path) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Yield name, input and truth of each real run."""
    for path in sorted(folder.glob("*.truth.json")):
        name = path.name.removesuffix(".truth.json")
        yield name, folder / f"{name}.tar.gz", json.loads(path.read_text("utf-8"))


def generated_runs(n: int, first_seed: int, folder: Path) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Yield name, input and truth of generated runs: each case, in an era that changes from one to the next."""
    cases = [*CASES.values(), *VARIANTS.values()]
    for number in range(n):
        case = cases[number % len(cases)]
        clients = [client for client in CLIENTS if client in case.clients]
        client, seed = clients[number % len(clients)], first_seed + number // len(cases)
        name = f"{case.name}-{client}-{seed}"
        truth = write_run(folder / name, case=case, client=client, seed=seed, images=4, layers_per_image=4)
        yield name, folder / name / "run", asdict(truth)


def report_of(path: Path, truth: Mapping[str, Any]) -> Mapping[str, Any]:
    """Analyse a run and return its report in JSON's types."""
    found: Mapping[str, Any] = dfly.analyse([str(path)], client=truth["client"]).to_dict()
    return found


def render(judged: list[Judgement], command: str) -> str:
    """Return the page: a row for each run, and each statement that is contradicted or unsupported."""
    runs = list(dict.fromkeys(one.run for one in judged))
    verdicts = ("agrees", "supported", "contradicted", "unsupported")
    rows = []
    for run in runs:
        counts = Counter(one.verdict for one in judged if one.run == run)
        rows.append(f"| {run} | {sum(counts.values())} | {' | '.join(str(counts[verdict]) for verdict in verdicts)} |")
    counts = Counter(one.verdict for one in judged)
    rows.append(f"| all | {len(judged)} | {' | '.join(str(counts[verdict]) for verdict in verdicts)} |")
    faults = [
        f"* {one.run}, `{one.statement}`: {one.verdict}, {one.why}" for one in judged if one.verdict in verdicts[2:]
    ]
    return "\n".join([
        f"# Evaluation of statements on {'real' if 'FOLDER' in command else 'generated'} runs",
        "",
        f"Written by `{command}`. JSON of a report lists its statements with what each rests on. Each is compared with the truth of the run",
        "where the truth speaks of it (*agrees* or *contradicted*); of the others the support has to exist: present findings with their lines, fits with as many",
        "observations, tables, settings. A figure of which everything is possible, one with an interval of more than a factor of ten, and a proposal below its",
        "own upper end are *unsupported*.",
        "",
        "| run | statements | agree with the truth | supported | contradicted | unsupported |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        *(faults or ["No statement is contradicted or unsupported."]),
        "",
    ])  # fmt: skip


def main() -> int:
    """Judge the runs and print the page; 1 where a statement is contradicted or unsupported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=25, help="generated runs, where no folder is given")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", default="", help="runs whose name contains this")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    judged: list[Judgement] = []
    with tempfile.TemporaryDirectory(prefix="dfly-statements-") as folder:
        runs = real_runs(asked.folder) if asked.folder else generated_runs(asked.runs, asked.first_seed, Path(folder))
        for name, path, truth in runs:
            if asked.only in name:
                some = judge(name, report_of(path, truth), truth)
                judged += some
                print(name, dict(Counter(one.verdict for one in some)), file=sys.stderr, flush=True)
    command = (
        "python -m tests.evaluation.statements"
        + (" FOLDER" if asked.folder else f" --runs {asked.runs} --first-seed {asked.first_seed}")
        + " --write"
    )
    text = render(judged, command)
    print(text)
    if asked.write:
        (PAGES / ("statements-real.md" if asked.folder else "statements.md")).write_text(text, "utf-8")
    return int(any(one.verdict in {"contradicted", "unsupported"} for one in judged))


if __name__ == "__main__":
    sys.exit(main())
