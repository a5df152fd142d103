"""What some rows of Arrow's columns hold is the same by the compiled calls and by numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dfly_analysis.readers.logs import arrow_gather, native_parser

_SIZE = 500
_ENGINES = (True, False) if native_parser.is_available() else (False,)


@pytest.fixture(params=_ENGINES, ids=lambda built: "compiled" if built else "numpy")
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_parser, "is_available", lambda: request.param)


@pytest.fixture(params=[0, 3])
def offset(request: pytest.FixtureRequest) -> int:
    """How many rows stand before those that are looked at."""
    return int(request.param)


def _texts(seed: int, n_words: int, missing: float, offset: int) -> tuple[list[str | None], pa.DictionaryArray]:
    random = np.random.default_rng(seed)
    listed = [None if random.random() < missing else f"text-{random.integers(n_words)}" for _ in range(_SIZE + offset)]
    return listed[offset:], pa.array(listed, pa.string()).dictionary_encode()[offset:]


def _chosen() -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.flatnonzero(np.random.default_rng(9).random(_SIZE) < 0.7)


@pytest.mark.usefixtures("_engine")
def test_rows_are_those_of_an_event_with_peer_or_task_and_of_failing_peers(offset: int) -> None:
    """As `needed_rows` says it of a frame."""
    event, task, peer, level = (
        _texts(seed, n, missing, offset) for seed, n, missing in ((1, 5, 0.5), (2, 9, 0.5), (3, 9, 0.5), (4, 4, 0.2))
    )
    bad = np.array([text == "text-1" for text in level[1].dictionary.to_pylist()])
    found = arrow_gather.rows_of_peers(event[1], task[1], peer[1], level[1], bad)
    expected = [
        row
        for row, (kind, of_task, of_peer, how) in enumerate(zip(event[0], task[0], peer[0], level[0], strict=True))
        if (kind and (of_task or of_peer)) or (of_peer and how == "text-1")
    ]
    assert found.tolist() == expected
    assert 0 < len(expected) < _SIZE


@pytest.mark.usefixtures("_engine")
def test_rows_with_something_in_a_column_are_found(offset: int) -> None:
    """The first column does not count at events that are most of a log."""
    event, first, second = (_texts(seed, 5, missing, offset) for seed, missing in ((1, 0.2), (2, 0.5), (3, 0.9)))
    bulk = np.array([text in {"text-1", "text-2"} for text in event[1].dictionary.to_pylist()])
    nothing = pa.nulls(_SIZE, pa.string())
    chosen = _chosen()
    found = arrow_gather.rows_with_any([first[1], nothing, second[1]], event[1], bulk, chosen)
    expected = [
        place
        for place, row in enumerate(chosen.tolist())
        if second[0][row] or (first[0][row] and event[0][row] not in {"text-1", "text-2"})
    ]
    assert found.tolist() == expected
    assert 0 < len(expected) < len(chosen)


@pytest.mark.usefixtures("_engine")
def test_codes_and_numbers_of_rows_tell_what_is_missing(offset: int) -> None:
    """Codes are those the caller has for the texts."""
    listed, column = _texts(1, 5, 0.3, offset)
    places = np.arange(10, 10 + len(column.dictionary), dtype=np.int32)
    place = dict(zip(column.dictionary.to_pylist(), places.tolist(), strict=True))
    chosen = _chosen()
    told = [listed[row] for row in chosen.tolist()]
    assert arrow_gather.codes_at(column, chosen, places).tolist() == [
        -1 if text is None else place[text] for text in told
    ]
    counts = [None if text is None else row for row, text in enumerate([None] * offset + listed)]
    numbers = pa.array(counts, pa.int64())[offset:]
    expected = [-7 if counts[row + offset] is None else counts[row + offset] for row in chosen.tolist()]
    assert arrow_gather.numbers_at(numbers, chosen, -7).tolist() == expected


@pytest.mark.usefixtures("_engine")
@pytest.mark.parametrize("room", [arrow_gather._ROOM, 40], ids=["ample", "scarce"])
def test_ways_of_standing_together_are_numbered_as_they_come(
    offset: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where keys must be numbered anew on the way, for there are too many."""
    monkeypatch.setattr(arrow_gather, "_ROOM", room)
    columns = [_texts(seed, 4, 0.2, offset) for seed in range(4)]
    chosen = _chosen()
    kind, first = arrow_gather.numbered_at([column for _, column in columns], chosen)
    ways = [tuple(listed[row] for listed, _ in columns) for row in chosen.tolist()]
    known: dict[tuple[str | None, ...], int] = {}
    assert kind.tolist() == [known.setdefault(way, len(known)) for way in ways]
    assert [ways[place] for place in first.tolist()] == list(known)


@pytest.mark.usefixtures("_engine")
@pytest.mark.parametrize(
    "odd", [[], ["1m30s", "2.5µs", "", "7", "1.2.3ms", "ms", ".5s", "5.s", "1234567890123456.5ms", "1 ms"]]
)
def test_durations_of_rows_are_those_of_units(offset: int, odd: list[str]) -> None:
    """To the last bit, the usual ones and the others."""
    random = np.random.default_rng(5)
    usual = ["0s", "1.000s", "12ms", *(f"{value:.6f}ms" for value in random.lognormal(4, 3, 200)), *map(str, odd)]
    usual += [f"{value}s" for value in random.lognormal(0, 1, 100)]
    texts = [None] * offset + [None if random.random() < 0.1 else str(random.choice(usual)) for _ in range(_SIZE)]
    chosen = np.concatenate([_chosen(), [0]])
    column = pa.array([*texts, *usual], pa.string())[offset:]
    chosen = np.concatenate([chosen, np.arange(_SIZE, len(column))])
    found = arrow_gather.seconds_at(column, chosen)
    assert found.tobytes() == arrow_gather.seconds_of(column.take(pa.array(chosen))).tobytes()
    assert np.isfinite(found).sum() > 300
