"""How the page looks: on a screen, and on A4, where no background is needed to understand it."""

from __future__ import annotations

STYLE = """
:root { --ink: #1c2733; --soft: #5b6875; --line: #d5dce3; --good: #1a7f4b; --bad: #b3261e; --open: #9a6700; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #f3f5f7; color: var(--ink); font: 15px/1.5 "Segoe UI", "Helvetica Neue", "Malgun Gothic",
  "Apple SD Gothic Neo", "Noto Sans KR", "NanumGothic", Arial, sans-serif; }
nav { max-width: 1040px; margin: 14px auto 0; padding: 0 20px; text-align: right; font-size: 14px; }
nav a { color: var(--ink); margin-left: 16px; }
.sheet { scroll-margin-top: 60px; }
.sheet { display: none; max-width: 1040px; margin: 10px auto 40px; padding: 36px 44px; background: #fff;
  border: 1px solid var(--line); }
#ko:target, #en { display: block; }
#ko:target ~ #en { display: none; }
#ko { word-break: keep-all; }
h1 { margin: 0; font-size: 27px; line-height: 1.25; }
h2 { margin: 34px 0 8px; padding-bottom: 4px; font-size: 18px; border-bottom: 2px solid var(--ink); }
.words { margin: 12px 0 0; color: var(--soft); font-size: 12.5px; }
.scroll { overflow-x: auto; }
.of { margin: 4px 0 0; color: var(--soft); overflow-wrap: anywhere; }
.purpose { margin: 12px 0 0; max-width: 70ch; }
.verdict { margin: 22px 0 18px; padding: 14px 20px; border: 1px solid; border-left-width: 8px; }
.verdict strong { display: block; font-size: 21px; line-height: 1.3; }
.verdict p, .verdict ul { margin: 6px 0 0; color: var(--ink); }
.verdict ul { padding-left: 20px; }
.Proved, .pass { color: var(--good); } .Refuted, .fail { color: var(--bad); }
.NotProved, .notMeasured { color: var(--open); } .noted, .notAsked, .notReached { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 20px; padding: 0; }
.tiles div { flex: 1 1 150px; padding: 10px 14px; border: 1px solid var(--line); }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 20px; font-weight: 600; }
.tiles .note { font-weight: 400; }
table { width: 100%; border-collapse: collapse; font-size: 14px; table-layout: fixed; }
th, td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
thead th { color: var(--soft); font-size: 13px; font-weight: 600; border-bottom-color: var(--soft); }
tbody th { font-weight: 600; }
.facts th { width: 22%; }
.lines th:nth-child(1) { width: 25%; } .lines th:nth-child(3) { width: 16%; } .lines th:nth-child(4) { width: 13%; }
.lines td:last-child { font-weight: 600; }
.note { display: block; margin-top: 2px; color: var(--soft); font-size: 12.5px; }
.failures th:nth-child(1) { width: 15%; } .failures th:nth-child(2) { width: 14%; }
.failures th:nth-child(3) { width: 11%; } .failures th:nth-child(4) { width: 13%; }
.approvals th:nth-child(1) { width: 22%; } .approvals th:nth-child(2) { width: 22%; }
.steps th:nth-child(1), .steps th:nth-child(3) { width: 16%; }
.chart { margin: 10px 0 4px; break-inside: avoid; }
.chart svg { display: block; width: 100%; height: auto; }
.chart figcaption { color: var(--soft); font-size: 13px; }
footer { margin-top: 30px; padding-top: 8px; border-top: 1px solid var(--line); color: var(--soft); font-size: 12px;
  overflow-wrap: anywhere; }
@media (max-width: 700px) {
  .sheet { padding: 20px 16px; } .scroll table, .scroll svg { min-width: 640px; }
  .facts, .facts tbody, .facts tr, .facts th, .facts td { display: block; width: 100%; }
  .facts th { border-bottom: 0; padding-bottom: 0; }
}
@page { size: A4; margin: 14mm 14mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt Arial,
  sans-serif; color: #5b6875; } }
@media print {
  body { background: none; font-size: 10pt; } nav { display: none; }
  .sheet { max-width: none; margin: 0; padding: 0; border: 0; }
  h1 { font-size: 18pt; } h2 { margin-top: 11pt; font-size: 12pt; break-after: avoid; }
  th, td { padding: 2.2pt 6pt 2.2pt 0; } .scroll { overflow: visible; }
  .verdict { margin: 10pt 0 8pt; padding: 7pt 12pt; }
  .tiles { margin-bottom: 8pt; gap: 6pt; } .tiles div { padding: 5pt 8pt; } .words { font-size: 7.5pt; }
  .charts, .short { break-inside: avoid; } tbody tr:first-child, tbody tr:nth-last-child(2) { break-after: avoid; }
  table { font-size: 8.5pt; } .note { font-size: 7.5pt; } .tiles dd { font-size: 13pt; }
  .tiles div { flex-basis: 100px; }
  .chart svg { max-height: 29mm; }
  .verdict strong { font-size: 15pt; } .verdict, .tiles div, tr, li { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
