"""Recommendations as Helm values with their reasons in comments, read back and checked before anyone applies them."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from dfly_analysis.catalog.piece_length_rules import piece_rules
from dfly_analysis.errors import DflyError, OverlayConflictError
from dfly_analysis.findings import collapse_whitespace
from dfly_analysis.messages import Message, join, message, translate
from dfly_analysis.units import format_size, parse_duration

_ROLES = ("seedClient", "client", "scheduler", "manager")
_PIECE, _WRITE = "download.pieceTimeout", "storage.writePieceTimeout"
_RETRIES = "backend.maxRetries"
_COLLECTOR = "scheduler.config.scheduler.gc.pieceDownloadTimeout"
_COMMENT_WIDTH, _COMMENT_LENGTH = 110, 220
_CONFIDENCE = {
    "high": message("high confidence"), "medium": message("medium confidence"), "low": message("low confidence"),
}  # fmt: skip
TITLE = message("Helm values by dfly-analysis")
_FLAGS = {"true": True, "false": False}
_OWN_FAULT = "this is a bug of dfly-analysis; please report it"
_Advice: TypeAlias = Any  # dfly_analysis.recommendation.Advice and Recommendation, which this room may not import
_Proposal: TypeAlias = Any


@dataclass(frozen=True)
class Overlay:
    """Recommendations as Helm values."""

    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Nested, as ``helm upgrade -f`` takes it; empty if nothing has to change."""
    comments: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Helm path to the reason, one line."""
    title: str = TITLE
    """First line of the file."""

    @classmethod
    def from_advice(cls, advice: _Advice, *, prefix: str = "") -> Overlay:
        """Build an overlay from recommendations, and check that it reads back.

        Parameters
        ----------
        prefix : str
            Section of a parent chart with its dot, e.g. ``dragonfly.``, as in `Settings.user`.

        Raises
        ------
        OverlayConflictError
            If two recommendations contradict each other, or a timeout is shorter than one it has to exceed.
        """
        chosen = _without_conflict(advice)
        values: dict[str, Any] = {}
        for item in chosen:
            _put(values, f"{prefix}{item.helm_path}", _scalar(item))
        title = TITLE
        if advice.size_bytes:
            title = message("{title}, for layers of {size}", title=TITLE, size=format_size(advice.size_bytes))
        result = cls(values, {f"{prefix}{item.helm_path}": _comment(item) for item in chosen}, title)
        _check_order({item.helm_path: item for item in chosen})
        result.check(advice, prefix=prefix)
        return result

    @property
    def paths(self) -> dict[str, Any]:
        """The values by dotted Helm path, in the order of the file."""
        return _leaves(self.values)

    def to_yaml(self, language: str = "en") -> str:
        """Return the file's text, with comments above each value; only a comment if nothing has to change."""
        title = translate(self.title, language)
        if not self.values:
            return f"# {title}\n# {translate(message('No setting has to change.'), language)}\n"
        how = translate(message("Apply with: helm upgrade --reuse-values -f THIS_FILE"), language)
        return "\n".join([f"# {title}", f"# {how}", *_lines(self.values, self.comments, language), ""])

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return its path; a DflyError if it cannot be written."""
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.to_yaml(), "utf-8")
        except OSError as problem:
            reason = f"the overlay cannot be written: {problem.strerror}"
            raise DflyError(reason, where=str(target), hint="name another file") from problem
        return target

    def check(self, advice: _Advice, *, prefix: str = "") -> None:
        """Raise an OverlayConflictError that names a path which does not read back as recommended."""
        found = _leaves(yaml.safe_load(self.to_yaml()) or {})
        for path in found | self.paths:
            read, wanted = found.get(path), self.paths.get(path)
            if (type(read), read) != (type(wanted), wanted):
                raise OverlayConflictError(f"reads back as {read!r}, not {wanted!r}", where=path, hint=_OWN_FAULT)
        for item in advice:
            path = f"{prefix}{item.helm_path}"
            value = found.get(path)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if path not in found or text != item.proposed:
                raise OverlayConflictError(f"holds {value!r}, not {item.proposed!r}", where=path, hint=_OWN_FAULT)
            if item.unit == "s":
                _seconds(item)


def _without_conflict(advice: _Advice) -> list[_Proposal]:
    chosen: dict[str, _Proposal] = {}
    for item in advice:
        other = chosen.setdefault(item.helm_path, item)
        if other.proposed != item.proposed:
            one, two = (f"{item.proposed} ({item.role} {item.key})" for item in (other, item))
            reason = f"two recommendations contradict each other: {one} and {two}"
            raise OverlayConflictError(reason, where=item.helm_path, hint="keep one of them")
    order = {role: place for place, role in enumerate(_ROLES)}
    return sorted(chosen.values(), key=lambda item: (order.get(item.helm_path.partition(".")[0], 9), item.helm_path))


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    *sections, leaf = path.split(".")
    node = values
    for name in sections:
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            raise OverlayConflictError(f"{name} is a value in one recommendation and a section in another", where=path)
    if isinstance(node.get(leaf), dict):
        raise OverlayConflictError(f"{leaf} is a section in one recommendation and a value in another", where=path)
    node[leaf] = value


def _scalar(item: _Proposal) -> str | int | bool:
    """Return a proposal as YAML has it: counts as numbers, flags as flags, all else as text."""
    if item.proposed in _FLAGS:
        return _FLAGS[item.proposed]
    return int(item.proposed) if item.unit != "s" and item.proposed.isdecimal() else item.proposed


def _comment(item: _Proposal) -> Message:
    before, layer = item.current.value or message("unset"), item.current.layer
    was = message("was {value} ({layer})", value=before, layer=layer)
    reasons = item.reasons[1:] if item.because.startswith("now ") else item.reasons
    return join([was, _CONFIDENCE[item.confidence], item.need, *reasons], "; ")


def _lines(values: Mapping[str, Any], comments: Mapping[str, str], language: str, above: str = "") -> Iterator[str]:
    indent = "  " * above.count(".")
    for name, inner in values.items():
        path = f"{above}{name}"
        if path in comments:
            text = collapse_whitespace(translate(comments[path], language))
            short = textwrap.shorten(text, _COMMENT_LENGTH, placeholder=" …")
            yield from (f"{indent}# {line}" for line in textwrap.wrap(short, _COMMENT_WIDTH))
        if isinstance(inner, Mapping) and inner:
            yield f"{indent}{_as_yaml(name)}:"
            yield from _lines(inner, comments, language, f"{path}.")
        else:
            yield f"{indent}{_as_yaml(name)}: {_as_yaml(inner)}"


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, allow_unicode=True, width=math.inf)
    return text.removesuffix("\n").removesuffix("\n...")


def _leaves(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in values.items():
        found |= _leaves(inner, f"{above}{name}.") if isinstance(inner, Mapping) else {f"{above}{name}": inner}
    return found


def _check_order(chosen: Mapping[str, _Proposal]) -> None:
    """Check that timeouts exceed those they contain, where the overlay sets both."""
    collector = chosen.get(_COLLECTOR)
    for role in ("seedClient", "client"):
        piece, write = (chosen.get(f"{role}.config.{key}") for key in (_PIECE, _WRITE))
        if piece and write and _seconds(write) < _seconds(piece):
            reason = f"{write.proposed} is shorter than {_PIECE} {piece.proposed}"
            raise OverlayConflictError(reason, where=write.helm_path, hint="raise it too")
        retries = chosen.get(f"{role}.config.{_RETRIES}")
        tries = 1 + (int(retries.proposed) if retries else piece_rules().retries_before_body)
        if piece and collector and _seconds(collector) <= _seconds(piece) * tries:
            reason = f"{collector.proposed} is not longer than {tries} attempts of {_PIECE} {piece.proposed}"
            raise OverlayConflictError(reason, where=_COLLECTOR)


def _seconds(item: _Proposal) -> float:
    try:
        return parse_duration(item.proposed)
    except DflyError as problem:
        raise OverlayConflictError(problem.message, where=item.helm_path, hint=problem.hint) from problem
