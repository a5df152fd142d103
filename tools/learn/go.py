"""Reads Go sources: configuration structures with their defaults, constants, log statements, error texts and Prometheus metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import tree_sitter_go
from tree_sitter import Language, Node, Parser

from tools.learn.facts import COMPUTED, Constant, ErrorText, Facts, Key, Metric, Place, Statement
from tools.learn.tree import ancestor, compute, descendants, number, text_of, unquote

_PARSER = Parser(Language(tree_sitter_go.language()))
_STRINGS = ("interpreted_string_literal", "raw_string_literal")
_LEVELS = {
    "Debug": "debug",
    "Info": "info",
    "Warn": "warn",
    "Error": "error",
    "Fatal": "fatal",
    "Panic": "fatal",
    "DPanic": "fatal",
}
_LOGGER = re.compile(r"(?i)(?:^|[.\s(])(?:df)?log(?:ger)?(?:$|[.(])|\.With\w*\(.*\)$|Logger$", re.DOTALL)
_NO_LOGGERS = ("fmt", "status", "errors", "t", "assert", "http", "validation", "ctx")
_ERRORS = ("status.Error", "status.Errorf", "errors.New", "fmt.Errorf", "dferrors.New", "dferrors.Newf")
_TIMES = {
    "Nanosecond": 1,
    "Microsecond": 10**3,
    "Millisecond": 10**6,
    "Second": 10**9,
    "Minute": 60 * 10**9,
    "Hour": 3600 * 10**9,
}
_VERB = re.compile(r"%[-+# 0]*[\d.*]*[a-zA-Z]|%%")
_ZERO: Mapping[str, Any] = {"string": "", "bool": False, "time.Duration": 0, **dict.fromkeys(("int", "int32", "int64", "uint", "uint16", "uint32", "uint64", "float64", "uint8", "int16"), 0)}  # fmt: skip


class Duration(int):
    """Nanoseconds; a number multiplied by it is one too."""


def parse(text: bytes) -> Node:
    """Return the syntax tree of a source file."""
    return _PARSER.parse(text).root_node


@cache
def _texts(file: str, text: bytes) -> Facts:
    """Return what a file says without the names of others: log statements and error texts."""
    calls = list(descendants(parse(text), "call_expression"))
    return Facts(statements=tuple(_statements(calls, file)), errors=tuple(_errors(calls, file)))


def read_files(files: Mapping[str, bytes], package: Package) -> Facts:
    """Return the constants, statements, error texts and metrics of source files; `package` knows the names they use."""
    named = {file: text for file, text in files.items() if file in package.files}
    return Facts.join([*(_texts(*one) for one in files.items()), *(_named(*one, package) for one in named.items())])


def _named(file: str, text: bytes, package: Package) -> Facts:
    root = parse(text)
    constants = tuple(
        Constant(Place(file), name, written(value))
        for name, value in ((text_of(spec.named_children[0]), package.of_spec(spec)) for spec in descendants(root, "const_spec", "var_spec"))
        if isinstance(value, int | float) and not isinstance(value, bool)
    )  # fmt: skip
    return Facts(constants=constants, metrics=tuple(_metrics(descendants(root, "call_expression"), package)))


def _place(node: Node, file: str) -> Place:
    around = ancestor(node, "function_declaration", "method_declaration")
    return Place(file, text_of(around.child_by_field_name("name")) if around is not None else "")


def _arguments(call: Node) -> list[Node]:
    return (call.child_by_field_name("arguments") or call).named_children


def _template(node: Node) -> str | None:
    """Return a text with ``{}`` for each value, or None where the node is no text."""
    if node.type in _STRINGS:
        return _VERB.sub(lambda verb: "%" if verb[0] == "%%" else "{}", unquote(text_of(node)))
    if node.type == "binary_expression":
        parts = [_template(one) for one in node.named_children]
        return (
            "".join("{}" if part is None else part for part in parts)
            if any(part is not None for part in parts)
            else None
        )
    return None


def _statements(calls: Iterable[Node], file: str) -> Iterator[Statement]:
    for call in calls:
        callee = call.child_by_field_name("function")
        if callee is None or callee.type != "selector_expression":
            continue
        on, method = text_of(callee.child_by_field_name("operand")), text_of(callee.child_by_field_name("field"))
        formatted = method.endswith("f")
        level = _LEVELS.get(method.removesuffix("f").removesuffix("w").removesuffix("ln"))
        if level is None or on in _NO_LOGGERS or not _LOGGER.search(on):
            continue
        arguments = _arguments(call)
        texts = [_template(one) for one in arguments]
        found = (texts[0] if formatted and texts else "".join("{}" if text is None else text for text in texts)) or "{}"
        yield Statement(_place(call, file), level, found)


def _errors(calls: Iterable[Node], file: str) -> Iterator[ErrorText]:
    for call in calls:
        name = text_of(call.child_by_field_name("function"))
        if name in _ERRORS and (arguments := _arguments(call)) and (text := _template(arguments[-1] if name.endswith(("New", "Error")) else arguments[len(arguments) > 1 and name != "fmt.Errorf"])):  # fmt: skip
            yield ErrorText(
                _place(call, file), text_of(arguments[0]) if len(arguments) > 1 and name != "fmt.Errorf" else name, text
            )


def _metrics(calls: Iterable[Node], package: Package) -> Iterator[Metric]:
    for call in calls:
        name = text_of(call.child_by_field_name("function"))
        made = re.search(r"\.New(Counter|Gauge|Histogram|Summary)(?:Vec|Func)?$", name)
        options = next(descendants(call, "composite_literal"), None)
        if made is None or options is None:
            continue
        given = package.value(options)
        parts = [str(given[one]) for one in ("Namespace", "Subsystem", "Name") if given.get(one)]
        labels = [package.value(one) for one in _arguments(call)[1:2]]
        buckets = next((text_of(one.named_children[-1]) for one in descendants(options, "keyed_element") if text_of(one).startswith("Buckets:")), "")  # fmt: skip
        if parts:
            yield Metric(
                "_".join(parts),
                made[1].lower(),
                tuple(labels[0]) if labels and isinstance(labels[0], list) else (),
                buckets,
            )


def written(value: object) -> str:
    """Return a value as a configuration writes it; durations with their unit."""
    if not isinstance(value, Duration):
        return str(value)
    for unit, size in (("h", "Hour"), ("m", "Minute"), ("s", "Second"), ("ms", "Millisecond")):
        if value and value % _TIMES[size] == 0:
            return f"{value // _TIMES[size]}{unit}"
    return f"{int(value)}ns"


class Package:
    """The constants, variables and structures of packages, by their bare names and with their package's name before."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = frozenset(files)
        self.values: dict[str, Node] = {}
        self.structs: dict[str, Node] = {}
        self.makers: dict[str, Node] = {}
        for file, text in files.items():
            folder = file.split("/")[-2] if "/" in file else ""
            root = parse(text)
            for spec in descendants(root, "const_spec", "var_spec"):
                if spec.child_by_field_name("value") is not None:
                    self._keep(self.values, folder, text_of(spec.named_children[0]), spec)
            for spec in descendants(root, "type_spec"):
                if getattr(spec.child_by_field_name("type"), "type", "") == "struct_type":
                    self._keep(self.structs, folder, text_of(spec.child_by_field_name("name")), spec)
            for made in descendants(root, "function_declaration"):
                if text_of(made.child_by_field_name("name")) == "New":
                    self._keep(self.makers, folder, "New", made)

    @staticmethod
    def _keep(table: dict[str, Node], folder: str, name: str, node: Node) -> None:
        table.setdefault(name, node)
        table.setdefault(f"{folder}.{name}", node)

    def of_spec(self, spec: Node) -> Any:
        """Return the value of a constant or variable."""
        value = spec.child_by_field_name("value")
        return self.value(value) if value is not None else COMPUTED

    def value(self, node: Node, depth: int = 0) -> Any:  # noqa: C901, PLR0911 - one return per kind of expression
        """Return the value of an expression, or `COMPUTED`."""
        if depth > 20:
            return COMPUTED
        match node.type:
            case "int_literal" | "float_literal":
                return number(text_of(node))
            case "interpreted_string_literal" | "raw_string_literal":
                return unquote(text_of(node))
            case "true" | "false":
                return node.type == "true"
            case "nil":
                return None
            case "unary_expression" if text_of(node).startswith("-"):
                inner = self.value(node.named_children[-1], depth + 1)
                return -inner if isinstance(inner, int | float) else COMPUTED
            case "unary_expression" | "parenthesized_expression" | "expression_list" | "literal_element":
                return self.value(node.named_children[-1], depth + 1)
            case "binary_expression":
                left, right = (self.value(one, depth + 1) for one in node.named_children)
                found = compute(left, text_of(node.child_by_field_name("operator")), right)
                if found is None:
                    return (
                        f"{left}{right}"
                        if isinstance(left, str) and isinstance(right, str) and COMPUTED not in (left, right)
                        else COMPUTED
                    )
                return Duration(found) if isinstance(left, Duration) or isinstance(right, Duration) else found
            case "identifier" | "selector_expression":
                name = text_of(node)
                if name.startswith("time.") and name[5:] in _TIMES:
                    return Duration(_TIMES[name[5:]])
                spec = self.values.get(name)
                return (
                    self.value(spec.child_by_field_name("value") or spec, depth + 1) if spec is not None else COMPUTED
                )
            case "composite_literal":
                return self._composite(node, depth)
        return COMPUTED

    def _composite(self, node: Node, depth: int) -> Any:
        body = node.child_by_field_name("body")
        items = body.named_children if body is not None else []
        if any(one.type == "keyed_element" for one in items):
            return {
                text_of(one.named_children[0]): self.value(one.named_children[-1], depth + 1)
                for one in items
                if one.type == "keyed_element"
            }
        kind = node.child_by_field_name("type")
        values = [self.value(one, depth + 1) for one in items if one.type != "comment"]
        return values if values or kind is None or kind.type == "slice_type" else {}


def read_keys(package: Package, folder: str, root: str = "Config") -> tuple[Key, ...]:
    """Return the keys that the structure ``Config`` of a package reads, with the defaults that its function ``New`` sets."""
    maker = package.makers.get(f"{folder}.New")
    literal = next(descendants(maker, "composite_literal"), None) if maker is not None else None
    defaults = package.value(literal) if literal is not None else {}
    return tuple(_keys(package, folder, root, "", defaults)) if f"{folder}.{root}" in package.structs else ()


def _keys(package: Package, folder: str, kind: str, prefix: str, defaults: Any) -> Iterator[Key]:
    spec = package.structs.get(f"{folder}.{kind}") or package.structs[kind]
    for one in descendants(spec, "field_declaration"):
        if ancestor(one, "type_spec") != spec:
            continue
        tag = re.search(r'yaml:"([^"]*)"', text_of(one.child_by_field_name("tag")))
        names = [text_of(name) for name in one.children_by_field_name("name")]
        kind_text = text_of(one.child_by_field_name("type")).lstrip("*")
        if tag is None or tag[1].startswith("-"):
            continue
        yaml_name, _, options = tag[1].partition(",")
        own = names[0] if names else kind_text.rpartition(".")[2]
        absent = defaults.get(own, COMPUTED if own in defaults else None) if isinstance(defaults, dict) else COMPUTED
        path = prefix if "inline" in options else f"{prefix}{yaml_name}"
        inner = kind_text.removeprefix("[]").lstrip("*")
        if inner in package.structs or f"{folder}.{inner}" in package.structs:
            yield from _keys(
                package,
                folder,
                inner,
                f"{path}." if path and "inline" not in options else path,
                absent if absent is not None else {},
            )
            continue
        if absent is None:
            absent = _ZERO.get(kind_text)
        if kind_text == "time.Duration" and isinstance(absent, int):
            absent = written(Duration(absent)) if absent else 0
        yield Key(path, kind_text, absent, absent, place=Place(folder, kind))
