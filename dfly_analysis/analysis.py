"""The whole program on one page: from files to a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import DflyError
from dfly_analysis.knowledge.text import LANGUAGES

if TYPE_CHECKING:
    from dfly_analysis.report import Report
    from dfly_analysis.report.compared import ComparisonReport

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def analyse(
    paths: Paths,
    *,
    values: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    chart: str | None = None,
    client: str | None = None,
    size: str | int | None = None,
    target_failure_rate: float = 1e-3,
    tz: str = "UTC",
    lang: str = "en",
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
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.loading import Cache, load
    from dfly_analysis.models import fit_all
    from dfly_analysis.overlay import Overlay
    from dfly_analysis.plots import Figures
    from dfly_analysis.report import Report
    from dfly_analysis.report.prediction import Prediction
    from dfly_analysis.rules import recommend
    from dfly_analysis.settings import Settings

    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if lang not in LANGUAGES:
        raise DflyError(f"there are no words in {lang!r}", hint=f"known are {', '.join(LANGUAGES)}")
    listed = [Path(path) if isinstance(path, os.PathLike) else path for path in given]
    asked: dict[str, Any] = {
        "paths": [str(path) for path in listed],
        "values": values,
        "chart": chart,
        "client": client,
        "scheduler": None,
        **versions,
    }
    asked |= {"size": size, "target_failure_rate": target_failure_rate, "tz": tz, "lang": lang}

    settings = Settings.resolve(values, chart=chart, client=client, **versions)
    dataset = load(listed, settings=settings, tz=tz, records="telling", cache=Cache.of_user())
    findings = diagnose(dataset)
    fits = fit_all(dataset)
    advice = recommend(dataset, findings, fits, size=size, target_failure_rate=target_failure_rate)
    overlay = Overlay.from_advice(advice)
    figures = Figures(dataset, fits, advice)
    report = Report(dataset, findings, fits, advice, overlay, figures, parameters=asked)
    foretold = report.prediction if isinstance(report.prediction, Prediction) else None
    return replace(report, alerts=Alerts.from_analysis(dataset, fits, advice, foretold))


def compare(
    before: Paths,
    after: Paths,
    *,
    values_before: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    values_after: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    tz: str = "UTC",
    lang: str = "en",
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
    tz, lang : str
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
    from dfly_analysis.loading import Cache, load
    from dfly_analysis.report.compared import ComparisonReport
    from dfly_analysis.settings import Settings

    runs = []
    for paths, values in ((before, values_before), (after, values_after)):
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        listed = [Path(path) if isinstance(path, os.PathLike) else path for path in given]
        settings = Settings.resolve(values, chart=chart, **versions)
        runs.append(load(listed, settings=settings, tz=tz, records="telling", cache=Cache.of_user()))
    return ComparisonReport(compare_datasets(*runs), lang)
