"""The whole program on one page: from files to a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dfly_analysis.options import ANSWER_ONLY, AnalysisOptions, ComparisonOptions, PlanOptions, WhatIfOptions

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis
    from dfly_analysis.recommendation.preheat_plan import PreheatPlan
    from dfly_analysis.reporting import Report
    from dfly_analysis.reporting.comparison_report import ComparisonReport
    from dfly_analysis.reporting.whatif_report import WhatIfReport

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Values = str | os.PathLike[str] | Mapping[str, Any] | None


def analyse(  # noqa: PLR0913 - the options of `dfly_analysis.options.AnalysisOptions`
    paths: Paths | Dataset,
    *,
    values: Values = None,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
    manager: str | None = None,
    size: str | int | None = None,
    target_failure_rate: float = 1e-3,
    tz: str = "UTC",
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    lang: str = "en",
) -> Report:
    """Report why a preheat failed, what to set, and what that will do.

    Parameters
    ----------
    paths : path, sequence of paths, or Dataset
        Logs, archives, directories, job JSON, benchmark tables; the other options that read do not apply to a dataset.
    values : path or mapping, optional
        Helm values in force.
    chart, client, scheduler, manager : str, optional
        Releases in force: ``1.7.4`` for the Helm chart, ``v1.4.0`` for the client, ``v2.5.1`` for scheduler and Manager.
    size : str or int, optional
        Layer size to optimise for, ``20GiB`` or bytes; default: the largest in the input.
    target_failure_rate : float
        Accepted share of layers that fail, between 0 and 1.
    tz : str
        Time zone of log lines without one.
    log_format : str, optional
        Id of the format to read all logs in, instead of detecting it.
    prometheus : str, optional
        Address of a Prometheus server to query for the time range of the logs.
    cache : bool
        Whether parsed input is cached and reused.
    lang : str
        Language of the report, ``en`` or ``zh``; ids, keys and units are the same in both.

    Returns
    -------
    Report
        Its parts display themselves in a notebook; `save` writes the page, JSON, Helm values and alert rules.

    Raises
    ------
    DflyError
        If paths, values, releases or another option cannot be used.
    """
    from dfly_analysis import batch_cache
    from dfly_analysis.config.helm_values_overlay import Overlay
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation import recommend
    from dfly_analysis.recommendation.alerts import Alerts
    from dfly_analysis.reporting import Report

    options = AnalysisOptions.of(
        values=values, chart=chart, client=client, scheduler=scheduler, manager=manager, size=size,
        target_failure_rate=target_failure_rate, tz=tz, log_format=log_format, prometheus=prometheus, cache=cache, lang=lang,
    )  # fmt: skip
    parameters = {"paths": _listed(paths), **options.parameters()}

    def find() -> tuple[Dataset, Diagnosis, dict[str, Any]]:
        dataset = _load(paths, values, options)
        findings = diagnose(dataset)
        dataset.engine.release_memory()  # the fits hold large arrays of their own
        return dataset, findings, fit_all(dataset)

    question = {name: value for name, value in parameters.items() if name not in ANSWER_ONLY}
    dataset, findings, fits = batch_cache.cached(question, find)
    advice = recommend(dataset, findings, fits, size=options.size, target_failure_rate=target_failure_rate)
    report = Report(dataset, findings, fits, advice, Overlay.from_advice(advice), parameters=parameters)
    return replace(report, alerts=Alerts.from_analysis(dataset, fits, advice, report.prediction))


def compare(  # noqa: PLR0913 - the options of `dfly_analysis.options.ComparisonOptions`
    before: Paths | Dataset,
    after: Paths | Dataset,
    *,
    values_before: Values = None,
    values_after: Values = None,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
    manager: str | None = None,
    tz: str = "UTC",
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    lang: str = "en",
) -> ComparisonReport:
    """Report whether a change helped, and by how much.

    Parameters
    ----------
    before, after : path, sequence of paths, or Dataset
        Logs of a run before the change, and of one after it.
    values_before, values_after : path or mapping, optional
        Helm values in force in each.
    chart, client, scheduler, manager : str, optional
        Releases in both runs.
    tz, log_format, prometheus, cache, lang
        As `analyse` takes them.

    Returns
    -------
    ComparisonReport
        Its parts display themselves in a notebook; ``comparison`` holds the figures.

    Raises
    ------
    DflyError
        If paths, values, releases or another option cannot be used.
    """
    from dfly_analysis.comparison import compare_datasets
    from dfly_analysis.reporting.comparison_report import ComparisonReport

    options = ComparisonOptions.of(
        values_before=values_before, values_after=values_after, chart=chart, client=client, scheduler=scheduler,
        manager=manager, tz=tz, log_format=log_format, prometheus=prometheus, cache=cache, lang=lang,
    )  # fmt: skip
    first = _load(before, values_before, options)
    first.engine.release_memory()  # while the second is read
    runs = first, _load(after, values_after, options)
    parameters = {"before": _listed(before), "after": _listed(after), **options.parameters()}
    return ComparisonReport(compare_datasets(*runs), lang, runs, parameters)


def what_if(  # noqa: PLR0913 - the options of `dfly_analysis.options.WhatIfOptions`
    paths: Paths | Dataset,
    changes: Mapping[str, str] | Sequence[str] = (),
    *,
    role: Literal["seedClient", "client"] = "seedClient",
    size: str | float | None = None,
    piece_length: str | float | None = None,
    bandwidth: str | float | None = None,
    registry_speed_factor: float = 1.0,
    concurrent_layers: int | None = None,
    seed: int = 1,
    values: Values = None,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
    manager: str | None = None,
    tz: str = "UTC",
    log_format: str | None = None,
    prometheus: str | None = None,
    cache: bool = True,
    lang: str = "en",
) -> WhatIfReport:
    """Predict what other settings would do, next to the prediction for the settings in force and what was observed.

    Parameters
    ----------
    paths : path, sequence of paths, or Dataset
        Logs and configurations of a run.
    changes : mapping of str to str, or sequence of str
        ``{"download.pieceTimeout": "120s"}``, or ``["download.pieceTimeout=120s"]``.
    role : {"seedClient", "client"}
        Component that downloads, and whose setting a key without a component names.
    size, piece_length : str or float, optional
        Of the layer to simulate, ``20GiB`` or bytes; default: the largest in the input, in pieces as the client cuts it.
    bandwidth : str or float, optional
        Capacity of the link that concurrent pieces share, ``50MB/s`` or bytes per second; default: as fitted.
    registry_speed_factor : float
        Registry speed relative to the run: 0.5 is half as fast.
    concurrent_layers : int, optional
        Layers that share one link at the same time; default: as in the run.
    seed : int
        Seed of the random numbers.
    values, chart, client, scheduler, manager, tz, log_format, prometheus, cache, lang
        As `analyse` takes them.

    Returns
    -------
    WhatIfReport
        Its parts display themselves in a notebook; ``found`` holds the figures.

    Raises
    ------
    DflyError
        If paths, values, releases, changes or another option cannot be used.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.reporting.whatif_report import WhatIfReport
    from dfly_analysis.simulation import parse_changes, simulate

    options = WhatIfOptions.of(
        role=role, size=size, piece_length=piece_length, bandwidth=bandwidth, registry_speed_factor=registry_speed_factor,
        concurrent_layers=concurrent_layers, seed=seed, values=values, chart=chart, client=client, scheduler=scheduler,
        manager=manager, tz=tz, log_format=log_format, prometheus=prometheus, cache=cache, lang=lang,
    )  # fmt: skip
    texts = _assignments(changes)
    parsed = parse_changes(texts, role=role)  # refuse a wrong key before the logs are read
    dataset = _load(paths, values, options)
    found = simulate(
        dataset, fit_all(dataset), changes=parsed, role=role, size=options.size, piece_length=options.piece_length,
        bandwidth=options.bandwidth, source_speed=registry_speed_factor, layers_at_once=concurrent_layers, seed=seed,
    )  # fmt: skip
    shown = {"paths": _listed(paths), "changes": dict(text.split("=", 1) for text in texts)}
    return WhatIfReport(found, dataset, {**shown, **options.parameters()})


def plan_preheat(  # noqa: PLR0913 - the options of the command ``plan-preheat``
    manifest: str | os.PathLike[str],
    logs: Paths | Dataset | None = None,
    *,
    values: Values = None,
    changes: Mapping[str, str] | Sequence[str] = (),
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
    manager: str | None = None,
    image: str | None = None,
    platform: str | None = None,
    first: Sequence[str] = (),
    annotation: str | None = None,
    scope: str = "single_seed_peer",
    parallel: int | None = None,
    target_failure_rate: float = 1e-3,
    bandwidth: str | float | None = None,
    seed_bandwidth: str | float | None = None,
    node_rate: str | float | None = None,
    unpack_rate: str | float | None = None,
) -> PreheatPlan:
    """Plan the preheat of an image: stages, layers at the same time, times, failure rates and job requests.

    Parameters
    ----------
    manifest : path
        OCI or Docker manifest, OCI layout, output of ``docker manifest inspect -v``, or a preheat job's JSON.
    logs : path, sequence of paths, or Dataset, optional
        A run with the same registry and cluster, from which times and failure rates are predicted.
    values : path or mapping, optional
        Helm values to plan under, over the settings of that run as ``helm upgrade`` applies them.
    changes : mapping of str to str, or sequence of str
        Single settings over the values, ``{"download.pieceTimeout": "120s"}``.
    chart, client, scheduler, manager : str, optional
        Releases in force.
    image : str, optional
        Image for the URLs in the jobs, ``registry.example/ml/train:v1``.
    platform : str, optional
        Platform to choose from an image index, ``linux/amd64``.
    first : sequence of str
        Layers needed at start-up: digests, or how they begin.
    annotation : str, optional
        Layers with this annotation are needed at start-up.
    scope : {"single_seed_peer", "all_seed_peers", "all_peers"}
        Peers to preheat.
    parallel : int, optional
        Layers to preheat at the same time; default: chosen by the plan.
    target_failure_rate : float
        Accepted failure rate of the whole preheat, between 0 and 1.
    bandwidth, seed_bandwidth, node_rate, unpack_rate : str or float, optional
        From the registry to all seed clients, from the seed clients to one node, of a node's own cache, and of unpacking:
        ``100MB/s`` or bytes per second.

    Returns
    -------
    PreheatPlan

    Raises
    ------
    DflyError
        If the manifest, the releases, the changes or another option cannot be used.

    Examples
    --------
    >>> plan = dfly.plan_preheat("manifest.json", dfly.sample("slow-v1.5.1"), image="registry.example/ml/train:v1")
    >>> plan.time  # of the whole preheat, seconds
    """
    from dfly_analysis.config.helm_values import read_values
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.dataset import Dataset, as_dataset
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation.manifest import load_manifest
    from dfly_analysis.recommendation.preheat_plan import plan_preheat as plan
    from dfly_analysis.simulation import parse_changes

    options = PlanOptions.of(
        values=values, chart=chart, client=client, scheduler=scheduler, manager=manager, target_failure_rate=target_failure_rate,
        bandwidth=bandwidth, seed_bandwidth=seed_bandwidth, node_rate=node_rate, unpack_rate=unpack_rate,
    )  # fmt: skip
    changed = {f"{one.role}.config.{one.key}": one.written for one in parse_changes(_assignments(changes))}
    read = read_values(values)
    found = load_manifest(manifest, image=image, platform=platform)
    dataset = None if logs is None else as_dataset(logs if isinstance(logs, Dataset) else _listed(logs))
    settings = dataset.settings if dataset is not None else Settings.resolve(
        values, chart=chart, client=client, scheduler=scheduler, manager=manager
    )  # fmt: skip
    rates = {
        "registry": options.bandwidth, "seed": options.seed_bandwidth, "node": options.node_rate, "unpack": options.unpack_rate,
    }  # fmt: skip
    return plan(
        found, settings=settings.with_upgrade(replace(read, entries={**read.entries, **changed})), dataset=dataset,
        fits=None if dataset is None else fit_all(dataset), first=first, annotation=annotation, scope=scope, parallel=parallel,
        target_failure_rate=target_failure_rate, rates=rates,
    )  # fmt: skip


def facts(key: str, at: str | None = None) -> pd.DataFrame:
    """Look up the defaults of a setting.

    Parameters
    ----------
    key : str
        ``download.pieceTimeout``, its last part, a Helm path, or ``seedClient:KEY``.
    at : str, optional
        A release, ``v1.5.1`` of the client, ``v2.5.1`` of scheduler and Manager or ``1.7.4`` of the chart; default: all.

    Returns
    -------
    DataFrame
        A row for each component and layer, and without `at` for each span of releases: ``component``, ``key``, ``helm_path``,
        ``layer``, ``default``, ``source`` and more.

    Raises
    ------
    DflyError
        If the key or the release is not known.

    Examples
    --------
    >>> dfly.facts("download.pieceTimeout", at="v1.5.1")["value"].unique()
    array(['360s'], dtype=object)
    """
    import pandas as pd

    from dfly_analysis.catalog.defaults import defaults_at, defaults_by_release

    return pd.DataFrame(defaults_at(key, at) if at else defaults_by_release(key))


def sample(name: str = "article-v0.1.118") -> str:
    """Return the path of a packaged sample: a run of a real Dragonfly with a planted fault.

    Parameters
    ----------
    name : str
        ``article-v0.1.118`` or ``slow-v1.5.1``: a timeout that is too short; ``twenty-before`` and ``twenty-after``: one
        layer of 20 GiB before and after the timeout was raised; ``dfbench-readme``: results of a benchmark.

    Returns
    -------
    str

    Raises
    ------
    SourceError
        If there is no such sample.

    Examples
    --------
    >>> dfly.analyse(dfly.sample())
    <Report: 4 of 48 tasks failed: timeout too short>
    """
    from dfly_analysis.errors import SourceError, suggest_similar

    package = Path(__file__).resolve().parent
    installed = package / "_samples"
    folder = installed if installed.is_dir() else package.parent / "data" / "samples"
    samples = {
        path.name.split(".tar")[0].removesuffix(".txt"): path
        for path in folder.iterdir()
        if path.suffix in (".gz", ".txt")
    }
    if name not in samples:
        hint = suggest_similar(name, samples) or f"there are {', '.join(sorted(samples))}"
        raise SourceError("there is no such sample", where=name, hint=hint)
    return str(samples[name])


def _load(
    paths: Paths | Dataset, values: Values, options: AnalysisOptions | ComparisonOptions | WhatIfOptions
) -> Dataset:
    """Load the records that an analysis needs, with the settings in force; a dataset is there already."""
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.dataset import Cache, Dataset, Prometheus, load

    if isinstance(paths, Dataset):
        return paths
    settings = Settings.resolve(
        values, chart=options.chart, client=options.client, scheduler=options.scheduler, manager=options.manager
    )
    return load(
        _listed(paths), settings=settings, tz=options.tz, log_format=options.log_format, records="relevant",
        cache=Cache.of_user() if options.cache else None,
        prometheus=Prometheus(options.prometheus) if options.prometheus else None,
    )  # fmt: skip


def _assignments(changes: Mapping[str, str] | Sequence[str]) -> list[str]:
    return [f"{key}={value}" for key, value in changes.items()] if isinstance(changes, Mapping) else list(changes)


def _listed(paths: Paths | Dataset) -> list[str]:
    from dfly_analysis.dataset import Dataset

    if isinstance(paths, Dataset):
        return [str(path) for path in paths.coverage["path"]]
    return [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
