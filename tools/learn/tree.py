"""What both grammars share: nodes of a syntax tree, their text, and arithmetic on literals."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from tree_sitter import Node

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_OPERATORS = {
    "*": operator.mul, "+": operator.add, "-": operator.sub, "/": operator.floordiv, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip


def text_of(node: Node | None) -> str:
    """Return the source text of a node."""
    return node.text.decode() if node is not None and node.text is not None else ""


def descendants(node: Node, *types: str) -> Iterator[Node]:
    """Yield the nodes of these types below a node, in the order of the source."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if at.type in types:
            yield at
        waiting.extend(reversed(at.children))


def ancestor(node: Node, *types: str) -> Node | None:
    """Return the nearest node of these types above a node."""
    at = node.parent
    while at is not None and at.type not in types:
        at = at.parent
    return at


def unquote(literal: str) -> str:
    """Return the value of a string literal of Rust or Go, raw ones included."""
    if raw := re.fullmatch(r'r(#*)"(.*)"\1', literal, re.DOTALL):
        return raw[2]
    if literal.startswith("`"):
        return literal[1:-1]
    inner = re.sub(r"\\\n\s*", "", literal.strip().removeprefix("b")[1:-1])
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), inner, flags=re.DOTALL)


def number(literal: str) -> int | float:
    """Return the value of a number, without its separators and its type."""
    bare = re.sub(r"(?<=[\d.])_?(?:[iu](?:8|16|32|64|128|size)|f32|f64)$", "", literal.replace("_", ""))
    if re.fullmatch(r"0[0-7]+", bare):  # Go's way to write an octal number
        return int(bare, 8)
    return float(bare) if "." in bare or ("e" in bare and not bare.startswith("0x")) else int(bare, 0)


def compute(left: object, sign: str, right: object) -> int | float | None:
    """Return the result of an operation on two numbers, else None."""
    if not (isinstance(left, int | float) and isinstance(right, int | float) and sign in _OPERATORS):
        return None
    found: int | float = _OPERATORS[sign](left, right)
    return found
