"""An answer in the form it is recorded in: sentences apart from the rest, lists by the names of their items, few digits."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PROSE = frozenset(
    {
        "title", "reason", "because", "notes", "warnings", "cautions", "collect", "how_to_check", "rule_of_thumb",
        "what", "why", "next_step", "message", "stderr",
    }
)  # fmt: skip
_NAMED_BY = (("role", "key"), ("id",), ("cause",), ("name",), ("topic", "role"), ("size_bytes", "p"))
_ORDERED = frozenset({"findings", "causes", "recommendations"})
_LINE_WIDTH = 140

# Found by iteration, so that another order of the same rows moves them.
_FITTED = re.compile(
    r"^fits/[^/]+/(params|quantiles|goodness|calibration)/(?!.*\bn_)"
    r"|^recommendations/.*/(low|high|demanded_bandwidth_bps|layer_failure_\w+/\w+)$"
    r"|^estimates/.*/(value|low|high)$"
    r"|^times/ratio/"
)
_RELATIVE = {"fitted": 0.02, "counted": 1e-6}
_ABSOLUTE = (
    (re.compile(r"/goodness/aic_"), 0.1),
    (re.compile(r"/goodness/(weight_|gain|km_)"), 0.01),
    (re.compile(r"/(layer_failure_\w+|calibration/.*)/(value|low|high)$"), 1e-4),
)
_DIGITS = {"fitted": 5, "counted": 10}

Tree = dict[str, Any]


def split(answer: Any) -> tuple[Tree, Tree]:
    """Return what is recorded exactly, and the sentences, of the JSON of a command."""
    data, texts = _split(answer, "")
    return data or {}, texts or {}


def essential(texts: Tree) -> Tree:
    """Return the sentences without those that are many and much the same in every run."""
    kept = {key: item for key, item in texts.items() if key != "estimates"}
    if "findings" in kept:
        kept["findings"] = {key: item for key, item in kept["findings"].items() if key != "(not present)"}
    return kept


def differences(old: Tree, new: Tree) -> Iterator[str]:
    """Yield a line for each leaf that differs by more than its tolerance."""
    before, after = dict(_leaves(old, "")), dict(_leaves(new, ""))
    for path in [*before, *(path for path in after if path not in before)]:
        if path not in after:
            yield f"{path}: {_short(before[path])} -> (gone)"
        elif path not in before:
            yield f"{path}: (new) -> {_short(after[path])}"
        elif isinstance(before[path], list) and isinstance(after[path], list) and before[path] != after[path]:
            yield from _list_differences(path, before[path], after[path])
        elif not _same(path, before, after):
            yield f"{path}: {_short(before[path])} -> {_short(after[path])}"


def write(path: Path, tree: Tree) -> None:
    """Write a tree with sorted keys, small containers on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_lines(tree, 0)) + "\n", "utf-8")


def read(path: Path) -> Tree:
    """Read what `write` wrote; empty where there is no file."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _split(value: Any, path: str) -> tuple[Any, Any]:
    if isinstance(value, dict):
        return _split_mapping(value, path)
    if isinstance(value, list):
        return _split_list(value, path)
    if isinstance(value, float):
        return _rounded(value, path), None
    return value, None


def _split_mapping(value: Tree, path: str) -> tuple[Tree, Tree]:
    data: Tree = {}
    texts: Tree = {}
    for key, item in value.items():
        if item is None:
            continue
        if key in PROSE:
            if item:
                texts[key] = item
            continue
        if key == "evidence":
            data[key] = _evidence(item)
            continue
        if key == "findings" and _are_findings(item):
            data[key], texts[key] = _findings(item, f"{path}/{key}")
            continue
        chosen = _goodness(item, value["law"]) if key == "goodness" and "law" in value else item
        data[key], told = _split(chosen, f"{path}/{key}")
        if told:
            texts[key] = told
    return data, texts


def _split_list(value: list[Any], path: str) -> tuple[Any, Tree]:
    keys = _naming_keys(value)
    if not keys:
        return [_split(item, path)[0] for item in value], {}
    data: Tree = {}
    texts: Tree = {}
    labels = _labels(value, keys)
    for label, item in zip(labels, value, strict=True):
        rest = {key: inner for key, inner in item.items() if key not in keys}
        if _is_unchanged(rest):
            data.setdefault("(unchanged)", {})[label] = f"{rest['before']} ({rest['layer_before']})"
            continue
        data[label], told = _split(rest, f"{path}/{label}")
        if told:
            texts[label] = told
    if path.rpartition("/")[2] in _ORDERED:
        data["(order)"] = labels
    return data, texts


def _naming_keys(items: list[Any]) -> tuple[str, ...]:
    """Return the keys that name the items of a list of mappings; none where it is no such list."""
    if not items or not all(isinstance(item, dict) for item in items):
        return ()
    every = (keys for keys in _NAMED_BY if all(item.get(key) is not None for item in items for key in keys))
    return next(every, ())


def _labels(items: list[Tree], keys: tuple[str, ...]) -> list[str]:
    """Name the items by their keys, with a number where a name repeats."""
    seen: Counter[str] = Counter()
    labels = []
    for item in items:
        label = " ".join(f"{item[key]:g}" if isinstance(item[key], float) else str(item[key]) for key in keys)
        seen[label] += 1
        labels.append(label if seen[label] == 1 else f"{label} #{seen[label]}")
    return labels


def _is_unchanged(item: Tree) -> bool:
    """Return whether this is a setting that is the same in both runs of a comparison."""
    return item.get("changed") is False and (item["before"], item["layer_before"]) == (
        item["after"],
        item["layer_after"],
    )


def _are_findings(items: Any) -> bool:
    return (
        isinstance(items, list) and items != [] and all(isinstance(item, dict) and "verdict" in item for item in items)
    )


def _findings(items: list[Tree], path: str) -> tuple[Tree, Tree]:
    """Record whole what is present, the ids of what is unknown, and how many are absent."""
    present = [item for item in items if item["verdict"] == "present" or item["count"] or item["evidence"]]
    rest = [item for item in items if item not in present]
    data, texts = _split_list(present, path) if present else ({}, {})
    data["(absent)"] = sum(item["verdict"] == "absent" for item in rest)
    data["(unknown)"] = sorted(item["id"] for item in rest if item["verdict"] == "unknown")
    for item in sorted(rest, key=lambda item: item["id"]):
        told = texts.setdefault("(not present)", {})
        told[item["reason"]] = f"{told[item['reason']]} {item['id']}" if item["reason"] in told else item["id"]
    return data, texts


def _goodness(goodness: Tree, law: str) -> Tree:
    """Leave out what the choice of the law was made from: its name is recorded."""
    dropped = ("aic_", "weight_")
    return {key: item for key, item in goodness.items() if key == f"aic_{law}" or not key.startswith(dropped)}


def _evidence(items: list[Tree]) -> Tree:
    """Record every place; of the texts the first whole, and a digest of all."""
    if not items:
        return {}
    texts = [item["text"] for item in items]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    return {"at": [f"{item['path']}:{item['line']}" for item in items], "text": texts[0], "texts_sha256": digest}


def _kind(path: str) -> str:
    return "fitted" if _FITTED.search(path.lstrip("/")) else "counted"


def _rounded(value: float, path: str) -> float | str:
    # JSON has no infinity, but Python's reader and writer have.
    return float(f"{value:.{_DIGITS[_kind(path)]}g}")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}/{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}/{number}")
    else:
        yield path, value


def _list_differences(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    gone, new = [item for item in before if item not in after], [item for item in after if item not in before]
    yield from (f"{path}: {_short(item)} -> (gone)" for item in gone)
    yield from (f"{path}: (new) -> {_short(item)}" for item in new)
    if not gone and not new:
        yield f"{path}: another order, {_short(before)} -> {_short(after)}"


def _same(path: str, before: Tree, after: Tree) -> bool:
    old, new = before[path], after[path]
    if old == new:
        return True
    if not (_is_number(old) and _is_number(new)) or (isinstance(old, int) and isinstance(new, int)):
        return False
    kind = _kind(path)
    allowed = _RELATIVE[kind] * max(abs(old), abs(new))
    if kind == "fitted":
        allowed += next((absolute for pattern, absolute in _ABSOLUTE if pattern.search(path)), 0.0)
        allowed += _RELATIVE[kind] * _width(path, before)
    return abs(old - new) <= allowed


def _width(path: str, leaves: Tree) -> float:
    """Return the width of the interval that a fitted parameter belongs to, at most 1: near 0 it is what there is to go by."""
    owner, _, _ = path.rpartition("/")
    low, high = leaves.get(f"{owner}/low"), leaves.get(f"{owner}/high")
    return min(abs(high - low), 1.0) if "/params/" in path and _is_number(low) and _is_number(high) else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any, most: int = 160) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"


def _lines(value: Any, depth: int) -> Iterator[str]:
    flat = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not isinstance(value, dict | list) or not value or (depth and len(flat) + depth <= _LINE_WIDTH):
        yield flat
        return
    if isinstance(value, list) and all(isinstance(item, str) and " " not in item for item in value):
        flat = textwrap.fill(flat[1:-1], _LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
        yield f"[\n{textwrap.indent(flat, ' ' * (depth + 1))}\n{' ' * depth}]"
        return
    pairs: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        opening, closing = "{}"
        pairs = [(f"{json.dumps(key, ensure_ascii=False)}: ", value[key]) for key in sorted(value)]
    else:
        opening, closing = "[]"
        pairs = [("", item) for item in value]
    yield opening
    for number, (label, item) in enumerate(pairs):
        yield f"{',' if number else ''}\n{' ' * (depth + 1)}{label}"
        yield from _lines(item, depth + 1)
    yield f"\n{' ' * depth}{closing}"
