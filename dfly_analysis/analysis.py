"""The whole program on one page: from files to a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dfly_analysis.errors import DflyError
from dfly_analysis.knowledge.languages import LANGUAGES
from dfly_analysis.redaction import redact

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis
    from dfly_analysis.report import Report
    from dfly_analysis.report.asked import WhatIfReport
    from dfly_analysis.report.compared import ComparisonReport
    from dfly_analysis.settings import Settings

OF_THE_ANSWER = ("size", "target_failure_rate", "lang")
"""Parameters on which neither what is read nor what is found in it depends."""
Found: TypeAlias = "tuple[Dataset, Diagnosis, dict[str, Any]]"
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def analyse(  # noqa: PLR0913 - each is one of the user's words
    paths: Paths,
    *,
    values: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    chart: str | None = None,
    client: str | None = None,
    size: str | int | None = None,
    target_failure_rate: float = 1e-3,
    tz: str = "UTC",
    lang: str = "en",
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    **versions: str | None,
) -> Report:
    """Say why a preheat failed, what to set, and what that will do.

    Parameters
    ----------
    paths : path or sequence of paths
        Logs, archives, directories, job JSON, benchmark tables.
    values : path or mapping, optional
        Helm values in force.
    chart, client : str, optional
        Releases, ``1.7.4`` and ``v1.4.0``.
    size : str or int, optional
        Layer size to advise for, ``20GiB`` or bytes; the largest seen where not given.
    target_failure_rate : float
        Share of layers that may fail, between 0 and 1.
    tz : str
        Zone of times that do not name one.
    lang : str
        Language the report shows itself in, ``en`` or ``zh``; ids, keys and units are the same in both.
    log_format : str, optional
        Id of the format to read logs in, instead of the one found.
    prometheus : str, optional
        Address of a server to ask for the time the logs cover.
    cache : bool
        Whether what was parsed of large files is kept, and used.
    **versions
        ``scheduler`` and ``manager``, releases.

    Returns
    -------
    Report
        Frozen; shows itself in a notebook, `save` writes it.

    Raises
    ------
    DflyError
        Where paths, values, releases or sizes cannot be used.
    """
    from dfly_analysis.alerts import Alerts
    from dfly_analysis.overlay import Overlay
    from dfly_analysis.report import Report
    from dfly_analysis.report.prediction import Prediction
    from dfly_analysis.rules import recommend
    from dfly_analysis.settings import Settings
    from dfly_analysis.sharing import shared

    listed = _listed(paths)
    _refuse_unknown(lang)
    asked: dict[str, Any] = {
        "paths": [str(path) for path in listed],
        "values": values,
        "chart": chart,
        "client": client,
        "scheduler": None,
        **versions,
    }
    asked |= {"size": size, "target_failure_rate": target_failure_rate, "tz": tz, "lang": lang}
    asked |= {"log_format": log_format, "prometheus": prometheus and redact(prometheus), "cache": cache}

    settings = Settings.resolve(values, chart=chart, client=client, **versions)

    def found() -> Found:
        return _found(_load(listed, settings, tz=tz, log_format=log_format, prometheus=prometheus, cache=cache))

    dataset, findings, fits = shared({name: asked[name] for name in asked if name not in OF_THE_ANSWER}, found)
    from dfly_analysis.plots import Figures

    advice = recommend(dataset, findings, fits, size=size, target_failure_rate=target_failure_rate)
    overlay = Overlay.from_advice(advice)
    figures = Figures(dataset, fits, advice)
    report = Report(dataset, findings, fits, advice, overlay, figures, parameters=asked)
    foretold = report.prediction if isinstance(report.prediction, Prediction) else None
    return replace(report, alerts=Alerts.from_analysis(dataset, fits, advice, foretold)).begun()


def _found(dataset: Dataset) -> Found:
    """Diagnose, and fit beside it."""
    from dfly_analysis.beside import Beside
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all

    fits = Beside(lambda: fit_all(dataset), small=False)
    findings = diagnose(dataset)
    import dfly_analysis.plots  # noqa: F401 - wanted next; to import it takes about as long as the fits

    return dataset, findings, fits.get()


def compare(  # noqa: PLR0913 - each is one of the user's words
    before: Paths,
    after: Paths,
    *,
    values_before: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    values_after: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    tz: str = "UTC",
    lang: str = "en",
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    chart: str | None = None,
    **versions: str | None,
) -> ComparisonReport:
    """Say whether a change helped, and by how much.

    Parameters
    ----------
    before, after : path or sequence of paths
        Logs of a run before the change, and of one after it.
    values_before, values_after : path or mapping, optional
        Helm values in force in each.
    tz, lang, log_format, prometheus, cache
        As `analyse` takes them.
    chart : str, optional
        Release of the chart in both runs.
    **versions
        ``client``, ``scheduler`` and ``manager``, releases in both runs.

    Returns
    -------
    ComparisonReport
        Its parts show themselves; ``comparison`` holds the figures.

    Raises
    ------
    DflyError
        Where paths, values or releases cannot be used.
    """
    from dfly_analysis.comparison import compare_datasets
    from dfly_analysis.report.compared import ComparisonReport
    from dfly_analysis.settings import Settings

    _refuse_unknown(lang)
    runs: list[Dataset] = []
    asked: dict[str, Any] = {}
    for name, paths, values in (("before", before, values_before), ("after", after, values_after)):
        listed = _listed(paths)
        settings = Settings.resolve(values, chart=chart, **versions)
        runs.append(_load(listed, settings, tz=tz, log_format=log_format, prometheus=prometheus, cache=cache))
        asked |= {name: [str(path) for path in listed], f"values_{name}": values}
    asked |= {"chart": chart, **versions, "tz": tz, "lang": lang}
    asked |= {"log_format": log_format, "prometheus": prometheus and redact(prometheus), "cache": cache}
    return ComparisonReport(compare_datasets(*runs), lang, tuple(runs), asked)


def what_if(  # noqa: PLR0913 - each is one thing that may be asked
    paths: Paths,
    changes: Mapping[str, str] | Sequence[str] = (),
    *,
    role: str = "seedClient",
    size: str | float | None = None,
    bandwidth: str | float | None = None,
    source_speed: float = 1.0,
    values: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    chart: str | None = None,
    tz: str = "UTC",
    lang: str = "en",
    **versions: str | None,
) -> WhatIfReport:
    """Say what other settings would do, beside what the settings in force do and what was seen.

    Parameters
    ----------
    paths : path or sequence of paths
        Logs and configurations of a run.
    changes : mapping of str to str, or sequence of str
        ``{"download.pieceTimeout": "120s"}``, or ``["download.pieceTimeout=120s"]``.
    role, size, bandwidth, source_speed
        As `dfly_analysis.simulate` takes them.
    values, chart, tz, lang
        As `analyse` takes them.
    **versions
        ``client``, ``scheduler`` and ``manager``, releases.

    Returns
    -------
    WhatIfReport
        Its parts show themselves; ``found`` holds the figures.

    Raises
    ------
    DflyError
        Where paths, values, releases, changes or sizes cannot be used.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.report.asked import WhatIfReport
    from dfly_analysis.settings import Settings
    from dfly_analysis.simulate import parse_changes, simulate

    _refuse_unknown(lang)
    listed = _listed(paths)
    texts = [f"{key}={value}" for key, value in changes.items()] if isinstance(changes, Mapping) else list(changes)
    parsed = parse_changes(texts, role=role)  # refuse a wrong key before the logs are read
    settings = Settings.resolve(values, chart=chart, **versions)
    dataset = _load(listed, settings, tz=tz)
    found = simulate(
        dataset, fit_all(dataset), changes=parsed, role=role, size=size, bandwidth=bandwidth, source_speed=source_speed
    )
    parameters = {
        "paths": [str(path) for path in listed], "changes": dict(text.split("=", 1) for text in texts), "values": values, "chart": chart,
        **versions, "role": role, "size": size, "bandwidth": bandwidth, "source_speed": source_speed, "tz": tz, "lang": lang,
    }  # fmt: skip
    return WhatIfReport(found, dataset, parameters)


def _load(
    paths: Sequence[str | Path],
    settings: Settings,
    *,
    tz: str,
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
) -> Dataset:
    """Load what an analysis needs, as the user wants it read."""
    from dfly_analysis.dataset import Cache, Prometheus, load

    return load(
        paths, settings=settings, tz=tz, log_format=log_format, records="relevant", cache=Cache.of_user() if cache else None,
        prometheus=Prometheus(prometheus) if prometheus else None,
    )  # fmt: skip


def _listed(paths: Paths) -> list[str | Path]:
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [Path(path) if isinstance(path, os.PathLike) else path for path in given]


def _refuse_unknown(lang: str) -> None:
    if lang not in LANGUAGES:
        raise DflyError(f"there are no words in {lang!r}", hint=f"known are {', '.join(LANGUAGES)}")
