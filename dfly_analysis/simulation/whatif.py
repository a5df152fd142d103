"""What-if: the run again under the settings in force and under changed ones, and one requested layer."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dfly_analysis.catalog.piece_length_rules import concurrency_key, piece_length_bytes, piece_rules
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset, DatasetOrPaths, as_dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval, NotFitted, measured_retry_correlation
from dfly_analysis.messages import Message, message
from dfly_analysis.models import fit_all
from dfly_analysis.simulation import setting_changes, uncertainty
from dfly_analysis.simulation.pipeline import SCORES, ClientBehaviour, Layers, run_layers
from dfly_analysis.simulation.results import SimulationResult, summarize
from dfly_analysis.simulation.setting_changes import Change, SimulatedSettings, parse_changes
from dfly_analysis.simulation.uncertainty import Source, Tables
from dfly_analysis.simulation.workload import Observed, Workload, cut_layers, read_workload
from dfly_analysis.units import format_size, parse_size

NAME = "whatif"
COPIES = 120  # of the run under what is most likely; each end of each uncertainty gets a third as many
_LAYERS_OF_ALL_COPIES = 720
_MOST_LAYERS, _FAR_BEYOND = 16, 3.0
_COLLECT = message("client logs with piece start and finish lines (level debug from client v1.4.1)")


@dataclass(frozen=True)
class Question:
    """What changes besides settings; None keeps the size of the run, the client's piece length, the fitted link."""

    role: str = "seedClient"
    size_bytes: int | None = None
    piece_bytes: int | None = None
    bandwidth_bps: float | None = None
    source_speed: float = 1.0
    layers_at_once: int | None = None


@dataclass(frozen=True)
class Agreement:
    """One figure of the run: predicted from its own settings (with chance), and observed."""

    figure: str
    unit: str
    predicted: Interval
    observed: float

    @property
    def inside(self) -> bool:
        return self.predicted.low <= self.observed <= self.predicted.high


@dataclass(frozen=True)
class WhatIf:
    """The effect of other settings, with that of the settings in force and what was observed."""

    role: str
    version: str | None  # of the client whose pipeline was simulated
    changes: tuple[Change, ...]
    question: Question
    size_bytes: int
    piece_bytes: int
    n_pieces: int
    layers_at_once: int
    settings_now: SimulatedSettings
    settings_then: SimulatedSettings
    layer_now: SimulationResult  # of the requested layer
    layer_then: SimulationResult
    run_now: SimulationResult | None  # of the run's own layers, None where it shows none
    run_then: SimulationResult | None
    observed: Observed | None
    agreement: tuple[Agreement, ...] = ()  # of `run_now` with the observed run
    notes: tuple[str, ...] = ()
    seed: int = 1

    @property
    def changed(self) -> bool:
        return bool(self.changes) or self.question.bandwidth_bps is not None or self.question.source_speed != 1.0


@dataclass(frozen=True)
class _Simulation:
    """All that one simulation needs but the layers."""

    role: str
    version: str | None
    variants: uncertainty.UncertaintyVariants
    seed: int
    copies: int
    tables: Mapping[float, Tables] = field(default_factory=dict)

    def run(self, source: Source, settings: SimulatedSettings, layers: Layers, classes: tuple[float, ...], lanes: int) -> SimulationResult:  # fmt: skip
        later = settings.source_timeout_s or math.inf
        first = later if source.same_model else settings.parent_timeout_s(self.version) or later
        passes = layers.passes if settings.back_to_source else np.ones_like(layers.passes)
        tables, rules = self.tables[source.speed], piece_rules(self.version)
        # The client's rate limit has no effect where it is far beyond what so many pieces could use.
        limit = min((x for x in (settings.limit_bps, settings.source_limit_bps) if x), default=math.inf)
        used = max(size / float(np.exp(table[0, len(SCORES) // 2])) for (_, size), table in tables.items())
        client = ClientBehaviour(
            slots=settings.slots or 1, lanes=lanes, timeout_s=(first, later),
            siblings_cancelled=rules.siblings_cancelled, noticed_at_once=rules.noticed_at_once,
            limit_bps=limit if limit < _FAR_BEYOND * used * (settings.slots or 1) * lanes else math.inf,
        )  # fmt: skip
        # Few layers need more copies, for a rate is determined by layers.
        copies = max(self.copies, round(_LAYERS_OF_ALL_COPIES * self.copies / COPIES / len(layers.n_pieces)))
        n = self.variants.count
        variant = np.repeat(np.arange(n), [copies, *[max(1, copies // 3)] * (n - 1)])
        assumptions, rng = uncertainty.assume(source, classes, self.variants, tables), np.random.default_rng(self.seed)
        outcome = run_layers(replace(layers, passes=passes), client, assumptions, variant, rng)
        return summarize(outcome, variant, self.variants)


def simulate(  # noqa: PLR0913 - each is an option of the command
    dataset: DatasetOrPaths, fits: Mapping[str, Any] | None = None, settings: Settings | None = None, changes: Iterable[str | Change] = (), *,
    role: str = "seedClient", size: str | float | None = None, piece_length: str | float | None = None,
    bandwidth: str | float | None = None, source_speed: float = 1.0, layers_at_once: int | None = None, seed: int = 1, copies: int = COPIES,
) -> WhatIf | NotFitted:  # fmt: skip
    """Predict how often layers fail and how long they take, under the settings in force and under changed ones.

    Parameters
    ----------
    dataset : Dataset, path or sequence of paths
    fits : mapping of str to fit, optional
        As `dfly_analysis.fit_all` names them.
    settings : Settings, optional
        In force; those of the dataset where not given.
    changes : iterable of str or Change
        ``download.pieceTimeout=120s``.
    role : {"seedClient", "client"}
        The component that fetches.
    size, piece_length : str or float, optional
        Of the requested layer; the largest seen, in pieces as the client cuts it, where not given.
    bandwidth : str or float, optional
        Of the link that pieces share, bytes per second, ``50MB``; as fitted where not given.
    source_speed : float
        Speed of the registry relative to the run; stalls, and what else does not grow with size, stay the same.
    layers_at_once : int, optional
        Concurrent layers on one link; as many as in the run where not given.
    seed, copies : int
        Seed of the random numbers, and simulated copies of the run: more take longer and reduce the noise.

    Returns
    -------
    WhatIf or NotFitted
        NotFitted where no distribution of piece times is fitted, or the piece timeout is not known.

    Raises
    ------
    DflyError
        If a change, a size or a number is out of range.
    """
    dataset = as_dataset(dataset)
    fits = fit_all(dataset) if fits is None else fits
    used, given = dataset.settings if settings is None else settings, list(changes)
    parsed = parse_changes([one for one in given if isinstance(one, str)], role=role)
    parsed += tuple(one for one in given if isinstance(one, Change))
    question = _question(role, size, piece_length, bandwidth, source_speed, layers_at_once)
    source = _source(fits, role)
    if isinstance(source, NotFitted):
        return source
    version = used.versions.get(role)
    ignored = {one: why for one in parsed if (why := setting_changes.why_ignored(used, one))}
    now = _complete(setting_changes.settings_in_force(used, role), dataset, role, version)
    if isinstance(now, NotFitted):
        return now
    then = setting_changes.with_changes(now, [one for one in parsed if one not in ignored], role)
    same_load = (now.slots, question.bandwidth_bps, question.layers_at_once) == (then.slots, None, None)
    notes = list(ignored.values())
    if (note := used.release_note(role)) is not None:
        notes.append(note)
    case = _Simulation(role, version, uncertainty.uncertain_axes(source, same_load=same_load), seed, copies)
    return _answer(case, source, dataset, question, parsed, (now, then), notes)


def _question(
    role: str, size: str | float | None, piece: str | float | None, bandwidth: str | float | None, speed: float, layers: int | None
) -> Question:  # fmt: skip
    read = {
        name: None if given is None else parse_size(given.removesuffix("/s") if isinstance(given, str) else given)
        for name, given in (("size", size), ("piece length", piece), ("bandwidth", bandwidth))
    }
    for name, value in read.items():
        if value is not None and value <= 0:
            raise DflyError(f"the {name} must be above 0, got {value}", hint="write it like 20GiB, 64MiB or 50MB")
    if not 0.0 < speed < 1e6:
        raise DflyError(f"the speed factor of the registry must be above 0, got {speed}", hint="0.5 is half as fast")
    if layers is not None and not 1 <= layers <= _MOST_LAYERS:
        raise DflyError(f"the number of concurrent layers must be from 1 to {_MOST_LAYERS}, got {layers}")
    return Question(role, read["size"], read["piece length"], read["bandwidth"], speed, layers)


def _source(fits: Mapping[str, Any], role: str) -> Source | NotFitted:
    capacity = fits.get("source_capacity") or None
    shared = capacity is not None and capacity.shared
    at_load = fits.get("piece_from_source_at_usual_load") if shared else None
    model = at_load or fits.get(f"piece_from_source_{role}") or fits.get("piece_from_source")
    if not model:
        reason = getattr(model, "reason", message("no distribution of piece times is fitted"))
        return NotFitted(NAME, reason, getattr(model, "collect", _COLLECT), getattr(model, "n", 0))
    first = model
    if role == "client":
        first = fits.get("piece_from_parent_client") or fits.get("piece_from_parent") or model
    # Where a link is simulated, its load already makes passes fail together; and a parent's failure is none of the source's.
    measured = None if shared or first is not model else measured_retry_correlation(fits)
    return Source((first, model), capacity, retry_failure_correlation=measured or DEFAULT_RETRY_CORRELATION)


def _complete(settings: SimulatedSettings, dataset: Dataset, role: str, version: str | None) -> SimulatedSettings | NotFitted:  # fmt: skip
    """Fill in the piece timeout from the run where no file sets it."""
    query = "SELECT count(*), median(timeout_s) FILTER (outcome = 'timeout') FROM pieces WHERE role = ?"
    n, seen_s = dataset.rows(query, [role])[0]
    timeout_s = settings.piece_timeout_s
    if settings.source_timeout_s is None:
        if seen_s is None:
            missing = message("the Helm values (--values), the chart (--chart) or the hosts' dfdaemon.yaml")
            return NotFitted(NAME, message("the piece timeout of the {role} is not known", role=role), missing, n)
        timeout_s = seen_s
    if settings.slots is None:
        missing = message("the hosts' dfdaemon.yaml, the client's release (--client) or the chart (--chart)")
        return NotFitted(
            NAME, message("{key} of the {role} is not known", key=concurrency_key(version), role=role), missing, n
        )
    retries = settings.retries if settings.retries is not None else piece_rules(version).retries_before_body
    return replace(settings, piece_timeout_s=timeout_s, retries=retries)


def _answer(
    case: _Simulation, source: Source, dataset: Dataset, question: Question, changes: tuple[Change, ...],
    settings: tuple[SimulatedSettings, SimulatedSettings], notes: list[Message],
) -> WhatIf:  # fmt: skip
    sharing, (now, then) = source.sharing, settings
    one_link = sharing is not None and sharing.scope == "source"
    tied = sharing is not None and (sharing.contention.value > 0 or question.bandwidth_bps is not None)
    workload = read_workload(dataset, case.role, one_link=one_link, tied=tied)
    size = question.size_bytes or (workload.largest_bytes if workload else parse_size("20GiB"))
    piece = min(question.piece_bytes or piece_length_bytes(size, case.version), size)
    at_once = question.layers_at_once or 1
    guess = not question.layers_at_once and workload is not None
    if guess and sharing is not None and sharing.contention.high and now.slots:
        at_once = int(np.clip(round(sharing.usual_load / now.slots), 1, _MOST_LAYERS))
    layers, classes = cut_layers([size] * at_once, [float(piece)] * at_once, case.version)
    retries = now.retries or 0
    plain = replace(source, retries=retries, observed_retries=retries)
    changed = replace(
        source.at_speed(question.source_speed), bandwidth_bps=question.bandwidth_bps,
        retries=then.retries or 0, observed_retries=retries,
    )  # fmt: skip
    sizes = [*classes, *(workload.class_bytes if workload else ())]
    case = replace(case, tables={one.speed: uncertainty.time_tables(one, sizes) for one in (plain, changed)})
    runs = [(plain, now)] if now == then and changed == plain else [(plain, now), (changed, then)]
    alone = [case.run(*one, layers, classes, at_once) for one in runs]
    repeated = [case.run(*one, workload.layers, workload.class_bytes, workload.lanes) for one in runs if workload]
    return WhatIf(
        role=case.role, version=case.version, changes=changes, question=question, size_bytes=size, piece_bytes=piece,
        n_pieces=int(layers.n_pieces[0]), layers_at_once=at_once, settings_now=now, settings_then=then,
        layer_now=alone[0], layer_then=alone[-1], run_now=repeated[0] if repeated else None,
        run_then=repeated[-1] if repeated else None, observed=workload.observed if workload else None,
        agreement=_agreement(repeated[0], workload) if workload else (),
        notes=(*notes, *_notes(source, question, workload)), seed=case.seed,
    )  # fmt: skip


def _agreement(run: SimulationResult, workload: Workload) -> tuple[Agreement, ...]:
    observed, every = workload.observed, workload.every
    failed = Interval(*(every * end for end in (run.failed.value, run.failed.low, run.failed.high)))
    result = [
        Agreement(message("failed layers"), "1", failed, float(observed.failed)),
        Agreement(message("median duration of a layer"), "s", run.layer_time_s, observed.layer_time_s),
        Agreement(message("duration of the run"), "s", run.makespan_s, observed.makespan_s),
    ]
    compared = result[1 if observed.left_out else 0 : 3 if every == 1 else 2]
    return tuple(one for one in compared if np.isfinite(one.observed))


def _notes(source: Source, question: Question, workload: Workload | None) -> Iterator[str]:
    sharing = source.sharing
    if sharing is not None:
        yield from (note for note in sharing.notes if note.startswith("whether"))
        if question.bandwidth_bps is not None and sharing.contention.value == 0:
            yield message("the data show no shared link: more bandwidth has no effect here, less has")
    if workload is None:
        yield message("the run has no layer from the registry to compare the prediction with")
        return
    if workload.every > 1:
        yield message("the run has very many pieces: one of {n} layers is simulated", n=workload.every)
    if workload.observed.left_out:
        n = workload.observed.left_out
        yield message(
            "{n:,} layer downloads failed for reasons other than failed pieces, so the number of failures is not predicted",
            n=n,
        )
    if question.size_bytes and question.size_bytes > 4 * workload.largest_bytes:
        size = format_size(workload.largest_bytes)
        yield message("extrapolated: the largest layer in the run has {size}", size=size)
