"""A report, read as a browser would: its rows by their names, in one language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from evidence_pack import Run

from reconciler.evidence.documents.report import page
from reconciler.evidence.pack.material import Material

KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "nav", "a", "article", "header", "section", "strong", "figure"),
    *("h1", "h2", "p", "ul", "li", "dl", "div", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "span", "br"),
    *("figcaption", "svg", "line", "text", "polygon", "polyline", "circle", "rect", "footer"),
}


class Line(NamedTuple):
    value: str
    limit: str
    result: str


@dataclass(frozen=True)
class Read:
    root: Element
    sheet: Element

    @property
    def text(self) -> str:
        return "".join(self.sheet.itertext())

    @property
    def lines(self) -> dict[str, Line]:
        """By their item."""
        rows = (row for table in self.tables("lines") for row in table.iter("tr") if row.find("td") is not None)
        return {_text(row[0]): Line(*(_text(cell) for cell in row[1:])) for row in rows}

    @property
    def facts(self) -> dict[str, str]:
        return {_text(row[0]): _text(row[1]) for table in self.tables("facts") for row in table.iter("tr")}

    @property
    def title(self) -> str:
        return _text(next(self.sheet.iter("h1")))

    @property
    def tiles(self) -> dict[str, str]:
        return {_text(one[0]): _text(one[1]) for tiles in self.sheet.iter("dl") for one in tiles}

    @property
    def left(self) -> list[str]:
        """What is left to do: the last list of the page."""
        return [_text(item) for item in list(self.sheet.iter("ul"))[-1]]

    @property
    def verdict(self) -> str:
        return _text(next(one for one in self.sheet.iter("section") if "verdict" in one.get("class", "")))

    def tables(self, kind: str) -> list[Element]:
        return [table for table in self.sheet.iter("table") if table.get("class") == kind]

    def cells(self, kind: str) -> list[list[str]]:
        """Of a table that has no items."""
        rows = [row for table in self.tables(kind) for row in table.iter("tr")]
        return [[_text(cell) for cell in row] for row in rows if row.find("td") is not None]


def read(material: Material, language: str = "en") -> Read:
    """Raises ParseError for a page that is not well-formed."""
    root = ElementTree.fromstring(page.report(material))
    return Read(root, next(one for one in root.iter("article") if one.get("id") == language))


def report(run: Run, folder: Path, language: str = "en") -> Read:
    return read(run.material(folder), language)


def _text(element: Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def harmless(root: Element) -> None:
    """It loads nothing, runs nothing, and has no element that the page does not make itself."""
    for one in root.iter():
        assert one.tag in KNOWN, one.tag
        assert not {name for name in one.attrib if name.startswith("on") or name in ("src", "style", "srcset", "data")}
        assert one.get("href", "#").startswith("#")
    style = "".join(one.text or "" for one in root.iter("style"))
    assert "url(" not in style
    assert "@import" not in style
