"""The page: one file, nothing from elsewhere, no script. Both languages are in it; which one is shown, and printed, is
chosen by a link (CSS's `:target`), so `report.html#ko` opens in Korean."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reconciler.evidence.documents.limits import slowest_allowed
from reconciler.evidence.documents.measured import span
from reconciler.evidence.documents.plain import count, printable
from reconciler.evidence.documents.report import after, back, before, chart, head, kept, moving, tables
from reconciler.evidence.documents.report.english import ENGLISH
from reconciler.evidence.documents.report.korean import KOREAN
from reconciler.evidence.documents.report.lines import Row, Section
from reconciler.evidence.documents.report.said import Language, Moment, Text, lasting, said
from reconciler.evidence.documents.report.style import STYLE
from reconciler.evidence.pack.material import Material, closer
from reconciler.evidence.pack.verdict import verdict

SHORT = 10  # rows of a table that is not broken over two pages
LANGUAGES = (KOREAN, ENGLISH)  # the last one is shown where none was chosen


def sections(material: Material) -> tuple[Section, ...]:
    """The report's own four."""
    return before.section(material), moving.section(material), after.section(material), back.section(material)


def report(material: Material) -> str:
    named = f"{printable(material.environment)}, {printable(material.transition)}"
    title = f"{ENGLISH.text(head.title(verdict(material)))}: {named}"
    links = "".join(f'<a href="#{one.code}" lang="{one.code}">{one.name}</a>' for one in reversed(LANGUAGES))
    sheets = "\n".join(_Sheet(material, language).html() for language in LANGUAGES)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<nav>{links}</nav>\n{sheets}\n</body>\n</html>\n"
    )


class _Sheet:
    """The whole report in one language."""

    def __init__(self, material: Material, language: Language) -> None:
        self._material, self._language = material, language
        self._sections = sections(material)

    def html(self) -> str:
        lines = (self._section(one) for one in self._sections)
        parts = (self._head(), self._charts(), *lines, self._section(kept.section(self._material)), self._conclusion())
        rest = (self._left(), self._failures(), self._approvals(), self._steps(), self._footer())
        inner = "\n".join((*parts, *rest))
        return f'<article class="sheet" id="{self._language.code}" lang="{self._language.code}">\n{inner}\n</article>'

    # ---- words -------------------------------------------------------------------------------------------------------

    def _say(self, what: Text) -> str:
        return escape(self._language.text(what))

    def _key(self, name: str, **parts: Text) -> str:
        return self._say(said(name, **parts))

    def _when(self) -> str:
        begin, end = span(self._material)
        return self._key(
            "when", begin=Moment(begin, day=True, named=False), end=Moment(end, day=True), took=lasting(end - begin)
        )

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _head(self) -> str:
        material = self._material
        of = self._key("of", environment=printable(material.environment), transition=printable(material.transition))
        tiles = "".join(
            f"<div><dt>{self._say(name)}</dt><dd>{self._say(value)}{self._beside(note)}</dd></div>"
            for name, value, note in head.tiles(material)
        )
        facts = [(self._key("fact.when"), self._when())]
        facts += [(self._say(name), self._facts(value)) for name, value in head.facts(material)]
        rows = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in facts)
        purpose = f'<p class="purpose">{self._key("purpose")}</p>'
        return (
            f'<header><h1>{self._say(head.title(verdict(material)))}</h1><p class="of">{of}</p>{purpose}</header>\n'
            f'{self._verdict()}\n<dl class="tiles">{tiles}</dl>\n<table class="facts"><tbody>{rows}</tbody></table>\n'
            f'<p class="words">{self._key("words")}</p>'
        )

    def _facts(self, value: Text) -> str:
        return "<br/>".join(self._say(one) for one in value) if isinstance(value, tuple) else self._say(value)

    def _verdict(self) -> str:
        found = verdict(self._material)
        reasons = "".join(f"<li>{escape(self._language.reason(printable(one)))}</li>" for one in found.reasons)
        told = (*head.drill(self._material, found), head.outcome(self._material, found))
        how = "".join(f"<p>{self._say(one)}</p>" for one in told)
        return (
            f'<section class="verdict {found.zero_downtime}"><strong>{self._say(head.sentence(found))}</strong>'
            f"{how}{f'<ul>{reasons}</ul>' if reasons else ''}</section>"
        )

    def _charts(self) -> str:
        material, zone = self._material, self._language.zone
        words = chart.Words(*map(self._key, ("chart.rollback", "chart.after")))
        allowed = slowest_allowed(material)
        limit = said("chart.limit", value=lasting(allowed.value)) if allowed else said("chart.noLimit")
        whole = chart.weights(material, material.whole, words, zone)
        figures = [self._figure(said("chart.weights", zone=self._language.zone_name), whole)]
        if closer(material) and len(material.shifts) > 1:
            near = chart.weights(material, material.near, words, zone)
            figures.append(self._figure(said("chart.near"), near))
        slow = chart.latency(material, words, zone, allowed.value if allowed else None)
        figures.append(self._figure(said("chart.latency", limit=limit), slow))
        return f'<section class="charts"><h2>{self._key("charts")}</h2>{"".join(figures)}</section>'

    def _figure(self, caption: Text, svg: str) -> str:
        inner = svg or f"<p>{self._key('chart.none')}</p>"
        name = f"<figcaption>{self._say(caption)}</figcaption>"
        return f'<figure class="chart">{name}<div class="scroll">{inner}</div></figure>'

    def _section(self, section: Section) -> str:
        columns = ("item", "value", "limit", "result")
        return self._table(section.key, "lines", columns, [self._row(row) for row in section.rows])

    def _row(self, row: Row) -> str:
        value = self._say(row.value) + self._beside(row.note)
        result = f'<td class="{row.result}">{self._key(row.result)}</td>'
        item, limit = self._say(row.item), self._say(row.limit)
        return f'<tr><th scope="row">{item}</th><td>{value}</td><td>{limit}</td>{result}</tr>'

    def _beside(self, note: Text) -> str:
        said_ = self._say(note)
        return f'<span class="note">{said_}</span>' if said_ else ""

    def _conclusion(self) -> str:
        found = verdict(self._material)
        reasons = "; ".join(self._language.reason(printable(one)) for one in found.reasons)
        why = f" {self._key('why')}: {escape(reasons)}." if reasons else ""
        return f"<h2>{self._key('section.conclusion')}</h2>\n<p>{self._say(head.sentence(found))}{why}</p>"

    def _left(self) -> str:
        items = "".join(f"<li>{self._say(one)}</li>" for one in kept.left(self._material, self._sections))
        return f"<h2>{self._key('section.left')}</h2>\n<ul>{items}</ul>"

    def _failures(self) -> str:
        rows = [self._cells(row) for row in tables.failures(self._material)]
        if not rows:
            return self._nothing("failures", "noFailures" if self._material.account.roads else "noRequests")
        every = sum(road.failed for road in self._material.account.roads.values())
        intro = self._key("firstFailures", shown=str(len(rows)), all=count(every))
        return self._table("failures", "failures", ("time", "step", "road", "slot", "why"), rows, intro)

    def _approvals(self) -> str:
        rows = [self._cells(row) for row in tables.approvals(self._material)]
        if not rows:
            return self._nothing("approvals", "noApprovals")
        return self._table("approvals", "approvals", ("time", "who", "what"), rows)

    def _steps(self) -> str:
        rows = [self._cells(row) for row in tables.agreed(self._material)]
        return self._table("steps", "steps", ("planned", "what", "taken"), rows)

    def _cells(self, cells: Sequence[Text]) -> str:
        return f"<tr>{''.join(f'<td>{self._say(cell)}</td>' for cell in cells)}</tr>"

    def _column(self, name: str) -> str:
        zone = {"zone": self._language.zone_name} if name in ("time", "taken") else {}
        return self._key(f"column.{name}", **zone)

    def _nothing(self, section: str, why: str) -> str:
        return f"<h2>{self._key(f'section.{section}')}</h2>\n<p>{self._key(why)}</p>"

    def _footer(self) -> str:
        first, last = self._material.steps.rows[0], self._material.steps.rows[-1]
        said_ = self._key("footer", first=str(first.seq), last=str(last.seq), digest=last.digest)
        return f"<footer>{said_}</footer>"

    def _table(self, section: str, kind: str, columns: Sequence[str], rows: Sequence[str], intro: str = "") -> str:
        names = "".join(f'<th scope="col">{self._column(column)}</th>' for column in columns)
        above = f"<p>{intro}</p>\n" if intro else ""
        inner = "\n".join(rows)
        title = f"<h2>{self._key(f'section.{section}')}</h2>\n"
        table = f'<table class="{kind}"><thead><tr>{names}</tr></thead>\n<tbody>\n{inner}\n</tbody></table>'
        short = " short" if len(rows) <= SHORT else ""
        return f'<section class="table{short}">{title}{above}<div class="scroll">{table}</div></section>'
