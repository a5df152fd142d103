"""Explains what people have in their hands: a finding, a cause, a code, a setting, an error text, a pasted line."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import getmodule
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.catalog.config_checks import load_config_rules
from dfly_analysis.catalog.defaults import all_defaults, find_defaults
from dfly_analysis.catalog.error_signatures import error_codes, load_signatures, possible_causes, signatures_in
from dfly_analysis.catalog.log_statements import statement_of
from dfly_analysis.config.resolve import Settings
from dfly_analysis.errors import DflyError, FactMissingError, SettingsError, suggest_similar
from dfly_analysis.reporting.labels import CAUSES, REMEDIES
from dfly_analysis.schema import ROLES

_ATTRIBUTES: Mapping[str, str] = {
    "id": "id", "title": "title", "written by": "component", "versions": "versions", "layer": "layer", "cause": "cause",
    "severity": "severity", "governed by": "knob", "repeats": "echo_of", "roles": "roles", "how it is found": "method",
    "what to do": "remedy", "what to collect": "collect", "looks like": "looks like", "references": "references",
}  # fmt: skip
"""What is said of a signature, a check or a configuration rule, by heading."""
_CODE = re.compile(
    r"(?:(?:error |exit |status )?code[ :=]*|os error |http |grpc |code = )?(\d{1,4}|[A-Za-z]+)", re.IGNORECASE
)
_MESSAGE = re.compile(r'(?:\.(?:rs|go):\d+:?\s+|"(?:msg|M)":\s*")([^"\n]+)')


@dataclass(frozen=True)
class Explanation:
    """What something means and what to do about it.

    Attributes
    ----------
    kind : str
        finding, cause, code, setting, configuration, topic or text.
    facts : mapping of str to str
        Heading and text, in the order to be read.
    """

    kind: str
    facts: Mapping[str, str]

    def __str__(self) -> str:
        return "\n".join(f"{heading}: {text}" for heading, text in self.facts.items())


def explain(text: str, *, settings: Settings | None = None) -> Explanation:
    """Explain a finding id, a cause, an error code, a setting, an error text or pasted lines.

    Parameters
    ----------
    text : str
    settings : Settings, optional
        Releases and values in force, with which times between pasted lines are compared.

    Raises
    ------
    FactMissingError
        If nothing in it is known.

    Examples
    --------
    >>> import dfly_analysis as dfly
    >>> dfly.explain("timeout_too_short").kind
    'cause'
    """
    name = text.strip().strip("`'\"")
    known = _findings()
    ways: tuple[tuple[str, Callable[[], Mapping[str, str] | None]], ...] = (
        ("finding", lambda: known.get(name)),
        ("cause", lambda: _about_cause(name)),
        ("code", lambda: _code(name)),
        ("setting", lambda: _about_setting(name, settings)),
        ("configuration", lambda: _about_configuration(text, settings)),
        ("text", lambda: _about_text(text, settings) or _about_statement(name)),
    )
    for kind, look in ways:
        if facts := look():
            return Explanation(kind, {heading: fact for heading, fact in facts.items() if fact})
    hint = suggest_similar(name, [*known, *CAUSES]) or "`dfly-analysis explain` lists what is known"
    raise FactMissingError(f"nothing is known of {name[:80]!r}", hint=hint)


def topics() -> Iterator[tuple[str, str, str]]:
    """Yield what can be explained by name: topic, id, title."""
    for cause, title in CAUSES.items():
        yield "cause", cause, title
    for name, facts in _findings().items():
        yield facts["layer"], name, facts["title"]
    for code in dict.fromkeys(error_codes().values()):
        yield "code", code.codes[0], f"{code.family} {code.name}"


def _findings() -> dict[str, dict[str, str]]:
    from dfly_analysis.recommendation import all_rules

    found = {name: _about_topic(name, rule) for name, rule in all_rules().items()}
    for rule in load_config_rules():
        found[rule.id] = _about(
            rule, layer="configuration check", roles=", ".join(rule.roles) if rule.when else None,
            **{"how it is found": rule.condition, "what to collect": "Helm values or the components' own files, for check-config"},
        )  # fmt: skip
    for one in load_signatures():
        found[one.id] = _about(
            one, versions=one.versions or "all",
            **{"looks like": next(iter(one.samples.match), None), "possible causes": _alternatives(one.id)},
        )  # fmt: skip
    return found | {one.id: _about(one, layer="check") for one in load_checks().values()}


def _about_statement(line: str) -> dict[str, str] | None:
    """Return what is known of a line that no failure writes; its message stands after the place in the source, or as JSON."""
    messages = (line, *_MESSAGE.findall(line))
    found = next((one for text in messages if text and (one := statement_of(text.strip()))), None)
    if found is None:
        return None
    effect = "no effect on an image preheat"
    if found.tells != "nothing":
        effect = "the step that failed; the error in the line says why"
    return {"id": found.id, "title": found.title, "written by": found.component, "what it says": effect}


def _alternatives(signature_id: str) -> str:
    return "; ".join(f"{one.cause}: {one.why}" for one in possible_causes().get(signature_id, ()))


def _about(one: Any, **own: Any) -> dict[str, str]:
    found = {heading: getattr(one, name, None) for heading, name in _ATTRIBUTES.items()} | own
    found["references"] = "; ".join(found["references"] or ())
    return {heading: str(text) for heading, text in found.items() if text}


def _about_topic(name: str, rule: Callable[..., Any]) -> dict[str, str]:
    title = (getattr(getmodule(rule), "__doc__", None) or "").partition("\n")[0]
    return {
        "id": name, "title": title.replace("`", ""), "layer": "topic of recommendations", "what it says": (rule.__doc__ or "").partition("\n")[0],
        "what to do": "run `dfly-analysis recommend` on your logs; docs/explanation/sizing.md explains the basis of each topic",
        "what to collect": "the bundle of `dfly-analysis collect`",
    }  # fmt: skip


def _about_cause(cause: str) -> dict[str, str] | None:
    if cause not in CAUSES:
        return None
    shown_by = [one.id for one in load_signatures() if one.cause == cause and one.layer == "cause"]
    return {
        "id": cause, "title": str(CAUSES[cause]), "layer": "cause", "what to do": str(REMEDIES.get(cause, "")),
        "shown by": ", ".join(shown_by), "more": "`dfly-analysis explain` with one of these ids",
    }  # fmt: skip


def _code(text: str) -> dict[str, str] | None:
    match = _CODE.fullmatch(text)
    found = error_codes().get((match[1] if match else text).lower())
    if found is None:
        return None
    facts = {"code": ", ".join(found.codes), "name": found.name, "family": found.family, "what it means": found.meaning}
    more = _findings().get(found.finding or "", {})
    return facts | {
        "finding": found.finding or "", "cause": more.get("cause", ""), "possible causes": more.get("possible causes", ""),
        "what to do": found.remedy or more.get("what to do", ""), "what to collect": more.get("what to collect", ""),
    }  # fmt: skip


def _about_setting(name: str, settings: Settings | None = None) -> dict[str, str] | None:
    spellings = ((one.key, one.key.rpartition(".")[2], one.helm_path) for one in all_defaults())
    if not name or not any(name in some for some in spellings):
        return None
    found = find_defaults(name)
    first = found[0]
    newest = {one.component: one.eras[-1].default for one in found if one.eras}
    runs = {one.component: one.chart_runs[-1] for one in found if one.chart_runs}
    charts = {component: f"{run.value} ({run.since} to {run.until})" for component, run in runs.items()}
    in_force = dict[str, str]()
    if settings is not None and (settings.chart or settings.user.entries or any(settings.versions.values())):
        for one in (one for one in found if one.component in ROLES):
            setting = settings.get(one.key, one.component)
            in_force[one.component] = setting.source if setting.value is None else f"{setting.value} ({setting.source})"
    return {
        "setting": first.key, "components": ", ".join(one.component for one in found), "Helm value": ", ".join(one.helm_path for one in found if one.helm_path),
        "what it means": first.meaning, "too small": first.too_small, "too large": first.too_large,
        "in force": "; ".join(f"{component}: {fact}" for component, fact in in_force.items()),
        "newest default": "; ".join(f"{component} {value}" for component, value in newest.items()),
        "newest chart sets": "; ".join(f"{component} {value}" for component, value in charts.items()),
        "all releases": f"`dfly-analysis facts {first.key}`",
    }  # fmt: skip


def _about_configuration(text: str, settings: Settings | None) -> dict[str, str] | None:
    """Explain a part of a configuration: where its keys belong, and what is wrong with it."""
    from dfly_analysis.config.check import check_settings
    from dfly_analysis.config.config_files import read_config_text
    from dfly_analysis.config.helm_values import is_known

    if signatures_in(text):
        return None
    try:
        given = read_config_text(text, "text")
    except SettingsError:
        return None
    known = settings or Settings.resolve()
    if given.values is not None and given.values.entries and is_known(given.values):
        known = known.with_values(given.values)
    elif not given.rendered:
        return None
    found = check_settings(known.with_rendered(given.rendered))
    present = found.present()
    remedies = {rule.id: rule.remedy for rule in load_config_rules()}
    facts = {"what it is": "a part of a configuration" if known.user.parts else "a configuration"}
    for part in known.user.parts:
        places = ("; ".join(f"{heading}: {fact}" for heading, fact in place.facts().items()) for place in part.places)
        facts[f"{part.path}: {part.value}"] = " | ".join(places)
    facts |= {"problem": "; ".join(f"{one.title} ({one.id}): {one.reason}" for one in present)}
    facts["what to do"] = " ".join(dict.fromkeys(remedies[one.id] for one in present))
    facts["next step"] = "`dfly-analysis check-config FILE --chart VERSION` counts the defaults of your release too"
    return facts


def _about_text(text: str, settings: Settings | None) -> dict[str, str] | None:
    from dfly_analysis.dataset import load
    from dfly_analysis.diagnosis import diagnose

    with TemporaryDirectory(prefix="dfly-analysis-") as folder:
        file = Path(folder, "text")
        file.write_text(text, "utf-8")
        try:
            dataset = load([file], settings=settings)
        except DflyError:
            return None
        diagnosis = diagnose(dataset)
    present = diagnosis.present()
    if not present:
        return None
    top = present[0]
    others = [f"{one.cause}: {one.why}" for one in diagnosis.alternatives]
    return {
        "what it is": f"{top.title} ({top.id})", "severity": top.severity,
        "likely cause": f"{diagnosis.primary_cause} ({diagnosis.strength})" if diagnosis.primary_cause else "",
        "possible causes": "; ".join(others), "what to do": diagnosis.remedy, "next step": diagnosis.next_step,
        "line": top.evidence[0].text if top.evidence else "", "also found": ", ".join(one.id for one in present[1:]),
    }  # fmt: skip
