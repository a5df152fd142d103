"""Figures as small SVG: its colours follow the reader's light or dark theme, and marks have their values as titles, which browsers show on hover."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from zlib import crc32

from matplotlib.backends.backend_svg import FigureCanvasSVG

THEME = {
    "ink": ("#1c2430", "#e3e8ee"), "edge": ("#8a949f", "#7d8995"), "grid": ("#e4e8ec", "#2c353f"), "paper": ("#ffffff", "#14191f"),
    "area": ("#eef1f4", "#222b34"), "bar": ("#0072b2", "#56b4e9"), "fit": ("#00835f", "#2fc79a"),
}  # fmt: skip
"""Colours by name, in the light and in the dark theme; a figure is drawn in those of the light one."""
_VARIABLES = {light: f"var(--picture-{name})" for name, (light, _) in THEME.items()} | {"#000000": "var(--picture-ink)"}
_COLOURS = ";".join(f"--picture-{name}:light-dark({light},{dark})" for name, (light, dark) in THEME.items())
_STYLE = f".picture{{{_COLOURS}}}"
_COLOUR, _NUMBER, _REFERENCE = re.compile(r"#[0-9a-f]{6}"), re.compile(r"-?(?<!\d)\d++\.\d++"), re.compile(r"#([\w-]+)")
_UNUSED_STYLES = ("font-family", "stroke-linejoin")
_SHARED = ("style", "clip-path")
_SHORT = 2


def write_svg(canvas: Any, titles: Mapping[str, Sequence[str]]) -> bytes:
    """Return a figure as SVG; the marks of an artist with a gid in `titles` get these titles, in their order."""
    out = io.BytesIO()
    # called directly, because `Figure.savefig` draws everything twice, first for the layout
    FigureCanvasSVG(canvas).print_svg(out, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    drawn = out.getvalue()
    figure, prefix = ET.fromstring(drawn), f"f{crc32(drawn):08x}"  # noqa: S314 - matplotlib wrote it
    for element in figure.iter():
        _simplify(element)
    for element in [*figure.iter()]:
        for mark, text in zip(element.iter("path"), titles.get(element.get("id", ""), ()), strict=False):
            ET.SubElement(mark, "title").text = text
    used = {
        name for element in figure.iter() for value in element.attrib.values() for name in _REFERENCE.findall(value)
    }
    content = [_compact(child, used, prefix) for child in figure if child.tag in ("g", "defs")]
    root = ET.Element("svg", {
        "class": "picture", "xmlns": "http://www.w3.org/2000/svg", "viewBox": figure.attrib["viewBox"], "fill": "currentColor",
        "style": "color-scheme:light dark;color:var(--picture-ink)", "pointer-events": "all", "stroke-linejoin": "round", "font-family": "system-ui, 'Noto Sans', sans-serif",
    })  # fmt: skip
    ET.SubElement(root, "style").text = _STYLE
    root.extend(child for child in content if child is not None)
    return ET.tostring(root)


def _simplify(element: ET.Element) -> None:
    """Drop namespaces, indents and what the page says better; shorten numbers; name the colours of the theme."""
    element.tag = element.tag.rpartition("}")[2]
    if element.tag not in ("text", "tspan", "title"):
        element.text = None
    element.tail = None
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if "style" in attributes:
        styles = (part.split(":", 1) for part in attributes["style"].split("; "))
        kept = (
            f"{name}:{_COLOUR.sub(_variable, value.strip())}" for name, value in styles if name not in _UNUSED_STYLES
        )
        attributes["style"] = ";".join(kept)
    if "d" in attributes:
        attributes["d"] = re.sub(" ?([A-Za-z]) ?", r"\1", " ".join(_NUMBER.sub(_rounded, attributes["d"]).split()))
    for name in ("x", "y", "transform"):
        if name in attributes:
            attributes[name] = _NUMBER.sub(_rounded, attributes[name])
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    element.attrib.clear()
    element.attrib.update(attributes)


def _variable(found: re.Match[str]) -> str:
    return _VARIABLES.get(found[0], found[0])


def _rounded(found: re.Match[str]) -> str:
    return f"{round(float(found[0]), 1):g}"


def _compact(element: ET.Element, used: set[str], prefix: str) -> ET.Element | None:
    """Return an element with the ids that are used, made unique, and what its marks share said once; None where nothing is left."""
    name = element.attrib.pop("id", "")
    if name in used:
        element.set("id", f"{prefix}-{name}")
    for attribute, value in element.attrib.items():
        if attribute == "href" or value.startswith("url("):
            element.set(attribute, value.replace("#", f"#{prefix}-", 1) if not value.startswith("data:") else value)
    children = [child for child in (_compact(child, used, prefix) for child in element) if child is not None]
    if element.tag == "g" and not element.attrib and len(children) == 1:
        return children[0]
    if element.tag in ("g", "defs") and not children:
        return None
    del element[:]
    for shared, group in groupby(children, key=lambda child: [child.get(one) for one in _SHARED]):
        alike = [*group]
        if len(alike) <= _SHORT or not any(shared):
            element.extend(alike)
            continue
        for child in alike:
            for one in _SHARED:
                child.attrib.pop(one, None)
        around = ET.SubElement(element, "g", {one: value for one, value in zip(_SHARED, shared, strict=True) if value})
        around.extend(alike)
    return element
