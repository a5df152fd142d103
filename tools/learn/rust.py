"""Reads Rust sources: serde structures with their defaults, constants, tracing statements, error texts and Prometheus metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from tools.learn.facts import COMPUTED, Constant, ErrorText, Facts, Key, Metric, Place, Statement, Use
from tools.learn.tree import ancestor, compute, descendants, number, text_of, unquote

_PARSER = Parser(Language(tree_sitter_rust.language()))
LEVELS = ("trace", "debug", "info", "warn", "error")
_STRINGS = ("string_literal", "raw_string_literal")
_SIZES = {
    "b": "B",
    "kb": "kB",
    "mb": "MB",
    "gb": "GB",
    "tb": "TB",
    "kib": "KiB",
    "mib": "MiB",
    "gib": "GiB",
    "tib": "TiB",
}
_TIMES = {"from_secs": "s", "from_millis": "ms", "from_micros": "us", "from_nanos": "ns", "from_secs_f64": "s"}
_SAME = ("to_string", "to_owned", "into", "clone", "as_str", "to_path_buf", "unwrap", "expect")
_EMPTY: Mapping[str, Any] = {
    "String": "", "bool": False, "PathBuf": "", "ByteSize": 0, "Duration": "0s", **dict.fromkeys(("Option", "Regex"), None),
    **dict.fromkeys(("u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"), 0),
}  # fmt: skip
_METRIC_KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram"}
_WRAPPERS = ("Option", "Vec", "Arc", "Box")


def parse(text: bytes) -> Node:
    """Return the syntax tree of a source file."""
    return _PARSER.parse(text).root_node


def read_file(file: str, text: bytes) -> Facts:
    """Return the constants, statements, error texts and metrics of a source file, without those of its tests."""
    root = parse(text)
    roots = [root, *_expanded(root)]
    errors = [*_errors(root, file), *_statuses(root, file)]
    return Facts(
        constants=tuple(one for root in roots for one in _constants(root, file)),
        statements=tuple(_statements(root, file)), errors=tuple(errors),
        metrics=tuple(one for root in roots for one in _metrics(root)), uses=tuple(_uses(root, file)),
    )  # fmt: skip


def _expanded(root: Node) -> Iterator[Node]:
    """Yield the content of each ``lazy_static!`` as source of its own."""
    for node in descendants(root, "macro_invocation"):
        if text_of(node.child_by_field_name("macro")) == "lazy_static":
            inner = text_of(node.children[-1])[1:-1].replace("static ref ", "static ")
            yield parse(inner.encode())


# attributes


@dataclass(frozen=True)
class Attribute:
    """An attribute such as ``serde(default = "x", rename_all = "camelCase")`` with its arguments."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


def _attributed(parent: Node) -> Iterator[tuple[Node, tuple[Attribute, ...]]]:
    """Yield the children of a node with the attributes before them."""
    waiting: list[Attribute] = []
    for child in parent.named_children:
        if child.type == "attribute_item":
            waiting.append(_attribute(child))
        elif "comment" not in child.type:
            yield child, tuple(waiting)
            waiting = []


def _attribute(item: Node) -> Attribute:
    inner = item.named_children[0]
    name = text_of(inner.named_children[0])
    tree = inner.child_by_field_name("arguments")
    if tree is None:
        return Attribute(name)
    arguments: dict[str, str] = {}
    for part in _split(tree):
        head = text_of(part[0])
        if len(part) > 2 and text_of(part[1]) == "=":
            value = part[2]
            arguments[head] = unquote(text_of(value)) if value.type in _STRINGS else "".join(map(text_of, part[2:]))
        else:
            arguments[head] = "".join(map(text_of, part[1:]))
    return Attribute(name, arguments, text_of(tree)[1:-1])


def _split(tree: Node) -> Iterator[list[Node]]:
    """Yield the tokens of a token tree between its commas."""
    part: list[Node] = []
    for token in tree.children[1:-1]:
        if token.type == ",":
            if part:
                yield part
            part = []
        elif "comment" not in token.type:
            part.append(token)
    if part:
        yield part


def _argument(attributes: Iterable[Attribute], name: str, key: str) -> str | None:
    return next((one.arguments[key] for one in attributes if one.name == name and key in one.arguments), None)


def _is_test(attributes: Iterable[Attribute]) -> bool:
    return any((one.name == "cfg" and "test" in one.arguments) or one.name.endswith("test") for one in attributes)


def _on_linux(attributes: Iterable[Attribute]) -> bool:
    return all(
        'target_os = "linux"' in one.text or "target_os" not in one.text for one in attributes if one.name == "cfg"
    )


@cache
def _tests(root: Node) -> tuple[tuple[int, int], ...]:
    """Return the spans of a file's tests."""
    found = []
    waiting = [root]
    while waiting:
        for child, attributes in _attributed(waiting.pop()):
            if _is_test(attributes):
                found.append((child.start_byte, child.end_byte))
            elif child.type in ("mod_item", "impl_item", "declaration_list"):
                waiting.append(child)
    return tuple(found)


def _outside_tests(root: Node, *types: str) -> Iterator[Node]:
    spans = _tests(root)
    for node in descendants(root, *types):
        if not any(start <= node.start_byte < end for start, end in spans):
            yield node


def _place(node: Node, file: str) -> Place:
    around = ancestor(node, "function_item")
    return Place(file, text_of(around.child_by_field_name("name")) if around is not None else "")


# statements, constants, errors, metrics


def _statements(root: Node, file: str) -> Iterator[Statement]:
    for node in _outside_tests(root, "macro_invocation"):
        level = text_of(node.child_by_field_name("macro")).rpartition("::")[2]
        if level not in LEVELS:
            continue
        fields: list[str] = []
        template = ""
        for part in _split(node.children[-1]):
            if part[0].type in _STRINGS:
                template = re.sub(r"\{\{|\}\}|\{[^{}]*\}", _hole, unquote(text_of(part[0])))
                break
            fields.append("".join(map(text_of, part)).partition("=")[0].lstrip("%?"))
        yield Statement(_place(node, file), level, template, tuple(fields))


def _hole(match: re.Match[str]) -> str:
    return {"{{": "{", "}}": "}"}.get(match[0], "{}")


def _constants(root: Node, file: str) -> Iterator[Constant]:
    scope = Scope.of(root)
    named: set[int] = set()
    for node in _outside_tests(root, "const_item", "static_item"):
        value = node.child_by_field_name("value")
        read = scope.value(value) if value is not None else COMPUTED
        if isinstance(read, bool) or not (
            isinstance(read, int | float) or (isinstance(read, str) and re.fullmatch(r"\d+\w+", read))
        ):
            continue
        named.update(one.id for one in descendants(node, "call_expression"))
        yield Constant(Place(file), text_of(node.child_by_field_name("name")), str(read))
    for node in _outside_tests(root, "call_expression"):
        name = text_of(node.child_by_field_name("function"))
        if (
            node.id not in named
            and name.startswith("Duration::from_")
            and isinstance(read := scope.value(node), str)
            and read != COMPUTED
        ):
            yield Constant(_place(node, file), "", read)


def _errors(root: Node, file: str) -> Iterator[ErrorText]:
    for body in _outside_tests(root, "enum_variant_list"):
        for variant, attributes in _attributed(body):
            text = next((one.text for one in attributes if one.name == "error"), "")
            if literal := re.match(r'\s*(r#*)?"', text):
                tree = (
                    next(token for token in descendants(parse(f"x!({text})".encode()), *_STRINGS)) if literal else None
                )
                template = re.sub(r"\{\{|\}\}|\{[^{}]*\}", _hole, unquote(text_of(tree)))
                yield ErrorText(Place(file), text_of(variant.child_by_field_name("name")), template)


def _statuses(root: Node, file: str) -> Iterator[ErrorText]:
    for node in _outside_tests(root, "call_expression"):
        name = text_of(node.child_by_field_name("function"))
        if not name.startswith("Status::"):
            continue
        literal = next(descendants(node.children[-1], *_STRINGS), None)
        if literal is not None:
            template = re.sub(r"\{\{|\}\}|\{[^{}]*\}", _hole, unquote(text_of(literal)))
            yield ErrorText(_place(node, file), name, template)


def _uses(root: Node, file: str) -> Iterator[Use]:
    for node in _outside_tests(root, "field_expression"):
        if node.parent is None or node.parent.type != "field_expression":
            match = re.search(r"\bconfig((?:\s*\.\s*[a-z_]+){2,})$", text_of(node))
            if match is not None:
                yield Use(_place(node, file), re.sub(r"\s", "", match[1]).lstrip("."))


def _metrics(root: Node) -> Iterator[Metric]:
    for node in _outside_tests(root, "call_expression"):
        made = re.search(
            r"(Counter|Gauge|Histogram)(?:Vec)?::(?:new|with_opts)$", text_of(node.child_by_field_name("function"))
        )
        literals = list(descendants(node, "string_literal"))
        if made is None or not literals:
            continue
        array = next(descendants(node, "array_expression"), None)
        labels = (
            tuple(unquote(text_of(one)) for one in descendants(array, "string_literal")) if array is not None else ()
        )
        buckets = next(
            (
                text_of(one.child_by_field_name("arguments"))[1:-1]
                for one in descendants(node, "call_expression")
                if text_of(one.child_by_field_name("function")).endswith(".buckets")
            ),
            "",
        )
        name = unquote(text_of(literals[0]))
        yield Metric(f"dragonfly_client_{name}", _METRIC_KINDS[made[1]], labels, re.sub(r"\s+", " ", buckets))


# values


class Scope:
    """The functions, constants, structures and enumerations of a file; `outer` is that of its crate."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.outer = outer
        self.functions: dict[str, Node] = {}
        self.constants: dict[str, Node] = {}
        self.structs: dict[str, tuple[Node, tuple[Attribute, ...]]] = {}
        self.enums: dict[str, tuple[Node, tuple[Attribute, ...]]] = {}
        self.defaults: dict[str, Node] = {}
        self.imported: dict[str, tuple[str, Scope]] = {}
        """Structures of other files by name, with the file and its scope."""

    @classmethod
    def of(cls, root: Node, outer: Scope | None = None) -> Scope:
        """Return the scope of a file."""
        scope = cls(outer)
        for item, attributes in _attributed(root):
            name = text_of(item.child_by_field_name("name"))
            if _is_test(attributes) or not _on_linux(attributes):
                continue
            if item.type == "function_item":
                scope.functions[name] = item
            elif item.type in ("const_item", "static_item") and item.child_by_field_name("value"):
                scope.constants[name] = item.child_by_field_name("value") or item
            elif item.type == "struct_item":
                scope.structs[name] = item, attributes
            elif item.type == "enum_item":
                scope.enums[name] = item, attributes
            elif item.type == "impl_item" and text_of(item.child_by_field_name("trait")).endswith("Default"):
                made = next((one for one in descendants(item, "function_item")), None)
                if made is not None:
                    scope.defaults[text_of(item.child_by_field_name("type"))] = made
        return scope

    def value(self, node: Node) -> Any:  # noqa: C901, PLR0911 - one return per kind of expression
        """Return the value of an expression, or `COMPUTED`."""
        match node.type:
            case "integer_literal" | "float_literal":
                return number(text_of(node))
            case "boolean_literal":
                return text_of(node) == "true"
            case "string_literal" | "raw_string_literal":
                return unquote(text_of(node))
            case (
                "reference_expression"
                | "parenthesized_expression"
                | "try_expression"
                | "return_expression"
                | "expression_statement"
            ):
                return self.value(node.named_children[-1])
            case "type_cast_expression":
                return self.value(node.named_children[0])
            case "binary_expression":
                left, right = (self.value(one) for one in node.named_children)
                found = compute(left, text_of(node.child_by_field_name("operator")), right)
                return COMPUTED if found is None else found
            case "array_expression":
                return [self.value(one) for one in node.named_children]
            case "block":
                return self._block(node)
            case "identifier" | "scoped_identifier":
                return self._name(text_of(node))
            case "call_expression":
                return self._call(node)
            case "struct_expression":
                return self._struct(node)
            case "macro_invocation" if text_of(node.child_by_field_name("macro")) == "vec":
                tokens = [part[0] for part in _split(node.children[-1]) if part[0].type in _STRINGS]
                return [unquote(text_of(one)) for one in tokens]
        return COMPUTED

    def _block(self, node: Node) -> Any:
        for statement, attributes in reversed(list(_attributed(node))):
            if _on_linux(attributes) and statement.type not in (
                "let_declaration",
                "use_declaration",
                "empty_statement",
            ):
                return self.value(statement)
        return COMPUTED

    def _name(self, name: str) -> Any:
        if name == "None":
            return None
        head, _, last = name.rpartition("::")
        scope: Scope | None = self.outer if head in ("crate", "super", "dragonfly_client_config") else self
        while scope is not None:
            if last in scope.constants:
                return scope.value(scope.constants[last])
            if head in scope.enums:
                return scope.variant(head, last)
            scope = scope.outer
        return COMPUTED

    def _call(self, node: Node) -> Any:  # noqa: PLR0911 - one return per constructor
        callee = node.child_by_field_name("function")
        arguments = [
            one for one in (node.child_by_field_name("arguments") or node).named_children if "comment" not in one.type
        ]
        if callee is not None and callee.type == "field_expression":
            on, method = self.value(callee.named_children[0]), text_of(callee.named_children[-1])
            if method == "join" and isinstance(on, str) and on != COMPUTED:
                part = self.value(arguments[0])
                return COMPUTED if part == COMPUTED else f"{on.rstrip('/')}/{part}"
            return on if method in _SAME and on is not None else COMPUTED
        name = text_of(callee)
        head, _, last = name.rpartition("::")
        if last in _TIMES and head.endswith("Duration"):
            amount = self.value(arguments[0])
            return (
                f"{amount:g}{_TIMES[last]}"
                if isinstance(amount, int | float) and amount < 1e6
                else f"{amount}{_TIMES[last]}"
            )
        if head.endswith("ByteSize") and last in _SIZES:
            return f"{self.value(arguments[0])}{_SIZES[last]}"
        if name in ("ByteSize", "Some", "Ok", "Arc::new", "Box::new") or (
            last == "from" and head in ("PathBuf", "String")
        ):
            return self.value(arguments[0])
        if last == "default":
            return self.default_of(self.type_name if head == "Self" else head)
        if last == "new" and not arguments:
            return [] if head == "Vec" else {} if head.endswith("Map") else "" if head == "String" else COMPUTED
        scope: Scope | None = self.outer if head in ("crate", "super") else self
        while scope is not None:
            if last in scope.functions:
                body = scope.functions[last].child_by_field_name("body")
                return scope.value(body) if body is not None else COMPUTED
            scope = scope.outer
        return COMPUTED

    type_name = ""

    def _struct(self, node: Node) -> Any:
        found: dict[str, Any] = {}
        for item in (node.child_by_field_name("body") or node).named_children:
            if item.type == "field_initializer":
                value = item.child_by_field_name("value")
                found[text_of(item.child_by_field_name("field"))] = self.value(value) if value is not None else COMPUTED
            elif item.type == "shorthand_field_initializer":
                found[text_of(item)] = COMPUTED
        return found

    def default_of(self, kind: str) -> Any:  # noqa: PLR0911 - one return per kind of type
        """Return the value that Rust's ``Default`` gives a type."""
        bare = kind.partition("<")[0].rpartition("::")[2]
        if bare in _EMPTY:
            return _EMPTY[bare]
        if bare in ("Vec", "HashSet"):
            return []
        if bare.endswith("Map"):
            return {}
        if bare in self.imported:
            return self.imported[bare][1].default_of(bare)
        if bare in self.defaults:
            body = self.defaults[bare].child_by_field_name("body")
            return self.value(body) if body is not None else COMPUTED
        if bare in self.enums:
            item, _ = self.enums[bare]
            body = item.child_by_field_name("body")
            variants = list(_attributed(body)) if body is not None else []
            return next((self.variant(bare, text_of(one.child_by_field_name("name"))) for one, marks in variants if any(mark.name == "default" for mark in marks)), COMPUTED)  # fmt: skip
        if bare in self.structs:
            return {one.name: self.default_of(one.type) for one in self.fields(bare)}
        return COMPUTED

    def variant(self, kind: str, name: str) -> str:
        """Return how serde writes a variant of an enumeration."""
        item, attributes = self.enums[kind]
        body = item.child_by_field_name("body")
        for variant, marks in _attributed(body) if body is not None else ():
            if text_of(variant.child_by_field_name("name")) == name:
                renamed = _argument(marks, "serde", "rename")
                return renamed or _renamed(name, _argument(attributes, "serde", "rename_all"))
        return name

    def fields(self, kind: str) -> tuple[Field, ...]:
        """Return the fields of a structure."""
        item, _ = self.structs[kind]
        body = item.child_by_field_name("body")
        return tuple(
            Field(text_of(one.child_by_field_name("name")), text_of(one.child_by_field_name("type")), marks)
            for one, marks in (_attributed(body) if body is not None else ())
            if one.type == "field_declaration"
        )


@dataclass(frozen=True)
class Field:
    """A field of a structure."""

    name: str
    type: str
    attributes: tuple[Attribute, ...]


def _renamed(name: str, rule: str | None) -> str:
    words = name.split("_") if "_" in name or name.islower() else re.findall(r"[A-Z][a-z0-9]*", name) or [name]
    match rule:
        case "camelCase":
            return words[0].lower() + "".join(word[:1].upper() + word[1:].lower() for word in words[1:])
        case "lowercase":
            return name.lower()
        case "snake_case":
            return "_".join(word.lower() for word in words)
        case "kebab-case":
            return "-".join(word.lower() for word in words)
    return name


# keys


def read_keys(
    file: str, text: bytes, crate: bytes = b"", root: str = "Config", others: Mapping[str, bytes] | None = None
) -> tuple[Key, ...]:
    """Return the keys of the configuration that a file's structure `root` reads; `crate` is the source of its ``lib.rs``, `others` are files whose structures it may import."""
    tree = parse(text)
    scope = Scope.of(tree, Scope.of(parse(crate)))
    if root not in scope.structs:
        return ()
    scope.imported = dict(_imported(tree, scope, others or {}))
    return tuple(_keys(scope, root, "", scope.default_of(root), file))


def _keys(scope: Scope, kind: str, prefix: str, default: Any, file: str) -> Iterator[Key]:
    _, marks = scope.structs[kind]
    rule = _argument(marks, "serde", "rename_all")
    own = scope.default_of(kind)
    for one in scope.fields(kind):
        serde = {
            name: value for mark in one.attributes if mark.name == "serde" for name, value in mark.arguments.items()
        }
        if serde.keys() & {"skip", "skip_deserializing"}:
            continue
        name = serde.get("rename") or _renamed(one.name, rule)
        path = prefix if "flatten" in serde else f"{prefix}{name}"
        absent = default.get(one.name, COMPUTED) if isinstance(default, dict) else default
        inner = _inner(one.type)
        if inner in scope.imported:
            place, other = scope.imported[inner]
            yield from _keys(other, inner, f"{path}." if path else "", absent, place)
            continue
        if inner in scope.structs and any("Deserialize" in mark.text for mark in scope.structs[inner][1]):
            yield from _keys(scope, inner, f"{path}." if path else "", absent, file)
            continue
        present = own.get(one.name, COMPUTED) if isinstance(own, dict) else COMPUTED
        if serde.get("default"):
            present = scope.value(_expression(serde["default"]))
        elif "default" in serde:
            present = scope.default_of(one.type)
        checks = "; ".join(mark.text for mark in one.attributes if mark.name == "validate")
        aliases = tuple(value for name, value in serde.items() if name == "alias")
        yield Key(path, one.type, absent, present, checks, aliases, Place(file, kind))


def _imported(tree: Node, scope: Scope, others: Mapping[str, bytes]) -> Iterator[tuple[str, tuple[str, Scope]]]:
    """Yield the structures of configuration that a file imports by name, with the file that has each, and its scope."""
    named = {text_of(name) for use in descendants(tree, "use_declaration") for name in descendants(use, "identifier")}
    types = {_inner(one.type) for kind in scope.structs for one in scope.fields(kind)}
    for name in sorted((types & named) - scope.structs.keys()):
        for file, text in others.items():
            if f"struct {name}".encode() not in text:
                continue
            other = Scope.of(parse(text))
            if name in other.structs and any("Deserialize" in mark.text for mark in other.structs[name][1]):
                yield name, (file, other)
                break


def _expression(path: str) -> Node:
    return next(descendants(parse(f"fn x() {{ {path}() }}".encode()), "call_expression"))


def _inner(kind: str) -> str:
    """Return the type inside ``Option<Vec<T>>``, without its path."""
    while match := re.fullmatch(rf"(?:\w+::)*(?:{'|'.join(_WRAPPERS)})<(.*)>", kind.strip(), re.DOTALL):
        kind = match[1]
    return kind.rpartition("::")[2]
