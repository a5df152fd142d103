"""What other settings would do: the run again under the settings in force and under the changed ones, and one layer asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dfly_analysis.catalog.piece_length_rules import (
    failure_noticed_at_once,
    piece_attempts,
    piece_length_bytes,
    siblings_cancelled,
)
from dfly_analysis.catalog.releases import releases
from dfly_analysis.config import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval, NotFitted, measured_retry_correlation
from dfly_analysis.simulation.independent_layers import are_independent, run_independent
from dfly_analysis.simulation.inputs import SCORES, ClientBehaviour, Layers
from dfly_analysis.simulation.pipeline import run_pipeline
from dfly_analysis.simulation.results import SimulationResult, sum_up
from dfly_analysis.simulation.setting_changes import (
    Change,
    SimulatedSettings,
    parse_changes,
    settings_in_force,
    unread,
    with_changes,
)
from dfly_analysis.simulation.uncertainty import Source, UncertaintyVariants, assume, open_uncertainties, time_tables
from dfly_analysis.simulation.workload import Observed, Workload, cut_layers, read_workload
from dfly_analysis.units import format_size, parse_size

NAME = "whatif"
COPIES = 120
"""Copies of the run under what is most likely; each end of each doubt gets a third as many."""
_LAYERS_OF_ALL_COPIES = 720
_MOST_LAYERS, _FAR_BEYOND = 16, 3.0
_COLLECT_DURATIONS = "client logs with piece start and finish lines (level debug from client v1.4.1)"


@dataclass(frozen=True)
class Question:
    """What is asked besides settings.

    Attributes
    ----------
    role : {"seedClient", "client"}
    size_bytes : int or None
        Of one layer; the largest seen where None.
    piece_bytes : int or None
        As the request names it; the client's rule where None.
    bandwidth_bps : float or None
        Of the link that pieces share.
    source_speed : float
        How many times as fast the source sends; stalls, and what else does not grow with size, stay as they were.
    layers_at_once : int or None
        Such layers on one link at a time; as many as in the run where None.
    """

    role: str = "seedClient"
    size_bytes: int | None = None
    piece_bytes: int | None = None
    bandwidth_bps: float | None = None
    source_speed: float = 1.0
    layers_at_once: int | None = None


@dataclass(frozen=True)
class Agreement:
    """One figure of the run, predicted from its own settings, and as it was.

    Attributes
    ----------
    figure, unit : str
    predicted : Interval
        With chance.
    observed : float
    """

    figure: str
    unit: str
    predicted: Interval
    observed: float

    @property
    def inside(self) -> bool:
        """Return whether what was seen lies in the interval."""
        return self.predicted.low <= self.observed <= self.predicted.high


@dataclass(frozen=True)
class WhatIf:
    """What other settings would do, beside what the settings in force do and what was seen.

    Attributes
    ----------
    role : str
    version : str or None
        Release of the client whose pipeline was simulated.
    changes : tuple of Change
    question : Question
    size_bytes, piece_bytes, n_pieces, layers_at_once : int
        Of the layer asked for.
    settings_now, settings_then : SimulatedSettings
    layer_now, layer_then : SimulationResult
        Of layers of that size; alike where nothing is changed.
    run_now, run_then : SimulationResult or None
        Of the run's own layers; None where the run shows none.
    observed : Observed or None
    agreement : tuple of Agreement
        The replay of the settings in force against what was seen.
    notes : tuple of str
    seed : int
    """

    role: str
    version: str | None
    changes: tuple[Change, ...]
    question: Question
    size_bytes: int
    piece_bytes: int
    n_pieces: int
    layers_at_once: int
    settings_now: SimulatedSettings
    settings_then: SimulatedSettings
    layer_now: SimulationResult
    layer_then: SimulationResult
    run_now: SimulationResult | None
    run_then: SimulationResult | None
    observed: Observed | None
    agreement: tuple[Agreement, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 1

    @property
    def changed(self) -> bool:
        """Return whether anything differs from what was in force."""
        requested = self.question
        return bool(self.changes) or requested.bandwidth_bps is not None or requested.source_speed != 1.0


@dataclass(frozen=True)
class _Case:
    """All that one simulation needs but the layers."""

    settings: Settings
    role: str
    version: str | None
    source: Source
    uncertainty: UncertaintyVariants
    seed: int
    copies: int
    notes: tuple[str, ...] = ()
    tables: Mapping[float, Mapping[tuple[int, float], Any]] = field(default_factory=dict)


def simulate(  # noqa: PLR0913 - each is one thing that may be asked
    dataset: Dataset,
    fits: Mapping[str, Any],
    settings: Settings | None = None,
    changes: Iterable[str | Change] = (),
    *,
    role: str = "seedClient",
    size: str | float | None = None,
    piece_length: str | float | None = None,
    bandwidth: str | float | None = None,
    source_speed: float = 1.0,
    layers_at_once: int | None = None,
    seed: int = 1,
    copies: int = COPIES,
) -> WhatIf | NotFitted:
    """Predict how often layers fail and how long they take, under the settings in force and under changed ones.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to fit
        As `dfly_analysis.fit_all` names them.
    settings : Settings, optional
        In force; those of the dataset where not given.
    changes : iterable of str or Change
        ``download.pieceTimeout=120s``.
    role : {"seedClient", "client"}
        Who fetches.
    size, piece_length : str or float, optional
        Of the layer asked for; the largest seen, in pieces as the client cuts it, where not given.
    bandwidth : str or float, optional
        Of the link that pieces share, bytes per second, ``50MB``; as fitted where not given.
    source_speed : float
        How many times as fast the source sends as it did; stalls, and what else does not grow with size, stay as they were.
    layers_at_once : int, optional
        Layers on one link at a time; as many as in the run where not given.
    seed : int
    copies : int
        Copies of the run: more take longer and blur less.

    Returns
    -------
    WhatIf or NotFitted
        NotFitted where no law of a piece's time was fitted, or what bounds a piece is not known.

    Raises
    ------
    DflyError
        Where a change, a size or a number is out of range.
    """
    used = dataset.settings if settings is None else settings
    given = list(changes)
    parsed = (
        *parse_changes([one for one in given if isinstance(one, str)], role=role),
        *[one for one in given if isinstance(one, Change)],
    )
    question = _question(role, size, piece_length, bandwidth, source_speed, layers_at_once)
    source = _source(fits, role)
    if isinstance(source, NotFitted):
        return source
    version = used.versions.get(role)
    ignored = tuple(one for one in parsed if unread(used, one))
    effective = tuple(one for one in parsed if one not in ignored)
    now = _known_enough(settings_in_force(used, role), dataset, role, version)
    if isinstance(now, NotFitted):
        return now
    then = with_changes(now, effective, role)
    same_load = (now.slots, question.bandwidth_bps, question.layers_at_once) == (then.slots, None, None)
    case = _Case(
        used,
        role,
        version,
        source,
        open_uncertainties(source, same_load=same_load),
        seed,
        copies,
        _notes(used, role, ignored),
    )
    return _answer(case, dataset, question, parsed, (now, then))


def _question(
    role: str, size: str | float | None, piece: str | float | None, bandwidth: str | float | None, speed: float, layers: int | None
) -> Question:  # fmt: skip
    read = {
        name: None if given is None else parse_size(given.removesuffix("/s") if isinstance(given, str) else given)
        for name, given in (("size", size), ("piece length", piece), ("bandwidth", bandwidth))
    }
    for name, value in read.items():
        if value is not None and value <= 0:
            raise DflyError(f"a {name} of {value} bytes cannot be", hint="write it like 20GiB, 64MiB or 50MB")
    if not 0.0 < speed < 1e6:
        raise DflyError(f"a source {speed} times as fast cannot be", hint="0.5 is half as fast")
    if layers is not None and not 1 <= layers <= _MOST_LAYERS:
        raise DflyError(f"{layers} layers at once cannot be simulated", hint=f"1 to {_MOST_LAYERS}")
    return Question(role, read["size"], read["piece length"], read["bandwidth"], speed, layers)


def _source(fits: Mapping[str, Any], role: str) -> Source | NotFitted:
    capacity = fits.get("source_capacity") or None
    at_load = fits.get("piece_from_source_at_usual_load") if capacity is not None and capacity.shared else None
    duration_model = at_load or fits.get(f"piece_from_source_{role}") or fits.get("piece_from_source")
    first = duration_model
    if role == "client":
        first = fits.get("piece_from_parent_client") or fits.get("piece_from_parent") or duration_model
    if not duration_model:
        reason = getattr(duration_model, "reason", "no law of a piece's time was fitted")
        return NotFitted(
            NAME, reason, getattr(duration_model, "collect", _COLLECT_DURATIONS), getattr(duration_model, "n", 0)
        )
    return Source(
        (first or duration_model, duration_model),
        capacity,
        retry_failure_correlation=_retry_failure_correlation(fits, capacity, alike=first is duration_model),
    )


def _retry_failure_correlation(fits: Mapping[str, Any], capacity: Any, *, alike: bool) -> Interval:
    """Return the share of failures that repeat in the next pass, as the forecast takes it.

    Where a link is simulated, its load already makes passes fail together; and a parent's failure is none of the source's.
    """
    explained = not alike or (capacity is not None and capacity.shared)
    return DEFAULT_RETRY_CORRELATION if explained else measured_retry_correlation(fits) or DEFAULT_RETRY_CORRELATION


def _known_enough(
    simulated_settings: SimulatedSettings, dataset: Dataset, role: str, version: str | None
) -> SimulatedSettings | NotFitted:
    """Fill in from the run what no file says: the limit that cut, and how many pieces were in flight."""
    pieces = dataset.pieces[dataset.pieces["role"].eq(role)]
    limit, slots = simulated_settings.piece_timeout_s, simulated_settings.slots
    if simulated_settings.source_timeout_s is None:
        observed = pieces.loc[pieces["outcome"].eq("timeout"), "timeout_s"].dropna()
        if observed.empty:
            missing = "the Helm values (--values), the chart's version (--chart) or the hosts' dfdaemon.yaml"
            return NotFitted(NAME, f"what bounds a piece of the {role} is not known", missing, len(pieces))
        limit = float(observed.median())
    if slots is None:
        missing = "dfdaemon.yaml of the hosts, the client's release (--client) or the chart's (--chart)"
        return NotFitted(NAME, f"download.concurrentPieceCount of the {role} is not known", missing, len(pieces))
    retries = (
        simulated_settings.retries
        if simulated_settings.retries is not None
        else piece_attempts(version).retries_before_body
    )
    return replace(simulated_settings, piece_timeout_s=limit, retries=retries)


def _notes(settings: Settings, role: str, ignored: tuple[Change, ...]) -> tuple[str, ...]:
    version = settings.versions.get(role)
    notes = [f"client {version} does not read {one.key}: this change does nothing" for one in ignored]
    if version is None:
        notes.append(f"the client's release is not known: its pipeline is taken to be that of {releases('client')[-1]}")
    return tuple(notes)


def _answer(
    case: _Case,
    dataset: Dataset,
    question: Question,
    changes: tuple[Change, ...],
    simulated_settings: tuple[SimulatedSettings, SimulatedSettings],
) -> WhatIf:
    sharing = case.source.sharing
    one_link = getattr(sharing, "scope", "host") == "source"
    tied = sharing is not None and (sharing.contention.value > 0 or question.bandwidth_bps is not None)
    workload = read_workload(dataset, case.role, one_link=one_link, tied=tied)
    size = question.size_bytes or (workload.largest_bytes if workload else parse_size("20GiB"))
    piece = min(question.piece_bytes or piece_length_bytes(size, case.version), size)
    at_once = question.layers_at_once or _usual_layers(case, workload, simulated_settings[0])
    layers, classes = cut_layers([size] * at_once, [float(piece)] * at_once, case.version)
    changed = replace(
        case.source.at_speed(question.source_speed), bandwidth_bps=question.bandwidth_bps,
        retries=simulated_settings[1].retries or 0, retries_seen=simulated_settings[0].retries or 0,
    )  # fmt: skip
    sizes = [*classes, *(workload.class_bytes if workload else ())]
    duration_models = {one.speed: one.duration_models for one in (case.source, changed)}
    case = replace(case, tables={speed: time_tables(pair, sizes) for speed, pair in duration_models.items()})
    plain = replace(
        case.source, retries=simulated_settings[0].retries or 0, retries_seen=simulated_settings[0].retries or 0
    )
    same = simulated_settings[0] == simulated_settings[1] and changed == plain
    runs = (
        [(plain, simulated_settings[0])] if same else [(plain, simulated_settings[0]), (changed, simulated_settings[1])]
    )
    alone = [_run(case, source, one, layers, classes, at_once) for source, one in runs]
    repeated = [
        _run(case, source, one, workload.layers, workload.class_bytes, workload.lanes)
        for source, one in runs
        if workload
    ]
    observed = workload.observed if workload else None
    return WhatIf(
        role=case.role, version=case.version, changes=changes, question=question, size_bytes=size, piece_bytes=piece,
        n_pieces=int(layers.n_pieces[0]), layers_at_once=at_once, settings_now=simulated_settings[0], settings_then=simulated_settings[1], layer_now=alone[0],
        layer_then=alone[-1], run_now=repeated[0] if repeated else None, run_then=repeated[-1] if repeated else None, observed=observed,
        agreement=_agreement(repeated[0], workload) if repeated and workload else (),
        notes=(*case.notes, *_more_notes(case, question, workload)), seed=case.seed,
    )  # fmt: skip


def _usual_layers(case: _Case, workload: Workload | None, simulated_settings: SimulatedSettings) -> int:
    """Return how many layers share a link at a time, where that matters."""
    sharing = case.source.sharing
    if sharing is None or workload is None or sharing.contention.high == 0 or not simulated_settings.slots:
        return 1
    return int(np.clip(round(sharing.usual_load / simulated_settings.slots), 1, _MOST_LAYERS))


def _run(
    case: _Case,
    source: Source,
    simulated_settings: SimulatedSettings,
    layers: Layers,
    classes: tuple[float, ...],
    lanes: int,
) -> SimulationResult:
    later = simulated_settings.source_timeout_s or float("inf")
    first = (
        later
        if source.duration_models[0] is source.duration_models[1]
        else simulated_settings.parent_timeout_s(case.version) or later
    )
    passes = layers.passes if simulated_settings.back_to_source else np.ones_like(layers.passes)
    client_behaviour = ClientBehaviour(
        slots=simulated_settings.slots or 1, lanes=lanes, timeout_s=(first, later),
        siblings_cancelled=siblings_cancelled(case.version), noticed_at_once=failure_noticed_at_once(case.version),
        limit_bps=_binding_limit(case.tables[source.speed], simulated_settings, lanes),
    )  # fmt: skip
    variants = len(case.uncertainty.signs)
    # Few layers need more copies, for a rate is told by layers.
    most = _LAYERS_OF_ALL_COPIES * case.copies / COPIES
    copies = max(case.copies, round(most / len(layers.n_pieces)))
    shares = [copies, *[max(1, copies // 3)] * (variants - 1)]
    variant = np.repeat(np.arange(variants), shares)
    assumptions = assume(source, classes, case.uncertainty, case.tables[source.speed])
    run = run_independent if are_independent(client_behaviour, assumptions) else run_pipeline
    outcome = run(
        replace(layers, passes=passes), client_behaviour, assumptions, variant, np.random.default_rng(case.seed)
    )
    return sum_up(outcome, variant, case.uncertainty)


def _binding_limit(tables: Mapping[tuple[int, float], Any], simulated_settings: SimulatedSettings, lanes: int) -> float:
    """Return the client's rate limit, or infinity where it is far beyond what so many pieces could ask for."""
    limit = min(
        (x for x in (simulated_settings.limit_bps, simulated_settings.source_limit_bps) if x), default=float("inf")
    )
    middle = len(SCORES) // 2
    requested = max(size / float(np.exp(table[0, middle])) for (_, size), table in tables.items())
    return limit if limit < _FAR_BEYOND * requested * (simulated_settings.slots or 1) * lanes else float("inf")


def _agreement(run: SimulationResult, workload: Workload) -> tuple[Agreement, ...]:
    observed, every = workload.observed, workload.every
    failed = Interval(*(every * end for end in (run.failed.value, run.failed.low, run.failed.high)))
    result = [
        Agreement("layers that fail", "1", failed, float(observed.failed)),
        Agreement("middle time of a layer", "s", run.layer_time_s, observed.layer_time_s),
    ]
    if every == 1:
        result.append(Agreement("from first start to last end", "s", run.makespan_s, observed.makespan_s))
    return tuple(one for one in result if np.isfinite(one.observed))


def _more_notes(case: _Case, question: Question, workload: Workload | None) -> tuple[str, ...]:
    sharing, notes = case.source.sharing, []
    notes += [note for note in getattr(sharing, "notes", ()) if note.startswith("whether")]
    if sharing is not None and question.bandwidth_bps is not None and sharing.contention.value == 0:
        notes.append("no shared link is seen in the data: a wider link changes nothing here, a narrower one does")
    if workload is None:
        notes.append("the input shows no layer from the source that ended: nothing to compare the prediction with")
    elif workload.every > 1:
        notes.append(f"the run has very many pieces: one layer of {workload.every} was run again")
    if workload is not None and workload.observed.left_out:
        notes.append(f"{workload.observed.left_out} failed layers are left out: their cause is no failure of a piece")
    if question.size_bytes and workload and question.size_bytes > 4 * workload.largest_bytes:
        notes.append(
            f"the largest layer seen has {format_size(workload.largest_bytes)}: the asked one is far beyond it"
        )
    return tuple(notes)
