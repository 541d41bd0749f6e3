"""Every line of the scenario's report: where it stands in ours, and what must be there.

Values are regular expressions; a named group is a figure, and must lie where the test knows that it lies. `<name>` is a
text that the test knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from report_read import Line, Read

Known = Mapping[str, tuple[float, float]]  # by figure: from and to
ZONES = {"en": UTC, "ko": timezone(timedelta(hours=9))}
KOREAN = {
    "pass": "통과", "–": "–", "as written": "설정값과 일치", "all known": "전부 확인", "the whole time": "전 구간",
    "all as planned": "계획대로 수행", "exit code 0": "종료 코드 0", "0 errors": "오류 0건", "0 s": "0초",
    "<= 0": "0 이하", "<= 60s": "60s 이하", "<= 1.45s": "1.45s 이하",
}  # fmt: skip
AT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"

STEPS = r"download (?P<download>[\d,]+), search (?P<search>[\d,]+), upload (?P<upload>[\d,]+)"


class Row(NamedTuple):
    scenario: str  # its words
    item: tuple[str, str]  # ours, in English and Korean
    value: tuple[str, str]
    limit: str = ""
    result: str = "pass"


FACTS = (
    Row("when", ("When", "일시"), (rf"(?P<begin>{AT}) to (?P<end>{AT}) UTC \(.+\)",
                                   rf"(?P<begin>{AT}) ~ (?P<end>{AT}) KST \(.+\)")),
    Row("strategy: blue to green, with a traffic switch at a gateway", ("Strategy", "전략"),
        (r"Blue/green: blue@1.0.0 to green@2.0.0, with weights at the gateway weight 25 %; pause of 10 s; .+",
         r"블루/그린: blue@1.0.0에서 green@2.0.0\(으\)로, 게이트웨이에서 트래픽 비율 전환 비율 25 %; 10초 대기; .+")),
    Row("tiers under test: API, Worker, Frontend, Shared Drive Sync", ("Parts of the system", "검증 대상 계층"),
        (r"api \(shared by weight\); frontend \(shared by weight\); worker \(one owner .+\); sync \(one owner .+\)",
         r"api \(비율 분배\); frontend \(비율 분배\); worker \(단독 소유\); sync \(단독 소유\)")),
    Row("monitoring", ("Monitoring", "모니터링"),
        (r"(?P<sent>[\d,]+) test .+ (?P<looks>\d+) looks .+, 0 of them .+ 9 gates: .+ (?P<entries>\d+) entries .+",
         r".+ 시험 요청 (?P<sent>[\d,]+)건 게이트웨이 확인 (?P<looks>\d+)회 \(무응답 0회\) 게이트 9개: .+"
         r" 저널 기록 (?P<entries>\d+)건")),
)  # fmt: skip

LINES = (
    # 1. Pre-verification
    Row("DB migration script dry-run: OK",
        ("DB migration script, dry-run", "DB 마이그레이션 스크립트 사전 실행(dry-run)"),
        (r"exit code 0 \| schema 1 -> 2, taken back dry-run: Successful, .+",) * 2, "exit code 0"),
    Row("drain the shared-drive sync queue: OK", ("Sync queue drained", "동기화 대기열 비움"),
        (r"0 shared-drive: Successful, 0 left, twice in a row, .+",) * 2, "<= 0"),
    Row("prepare the green slot", ("All preflight gates", "사전 점검 게이트 전체"),
        (rf"passed at {AT} UTC alive Successful; events Successful; baskets Successful",
         rf"{AT} KST에 통과 alive Successful; events Successful; baskets Successful")),
    Row("every stage starts only after approval", ("Approval", "승인"),
        (r"before shift: ann@example\.com", r"shift 단계 전 승인: ann@example\.com")),
    # 2. Traffic switch
    Row("the backend target in stages over 30 seconds",
        ("Traffic moved in stages", "게이트웨이 트래픽 비율의 단계적 전환"),
        (r"0 % → 25 % → 50 % → 75 % → 100 %, 4 changes over (?P<moving>[\d.]+) s read back last: blue 0 %, green 100 %",
         r"0 % → 25 % → 50 % → 75 % → 100 %, (?P<moving>[\d.]+)초 동안 4회 변경 .+: blue 0 %, green 100 %"),
        "as written"),
    Row("synthetic transactions (search, upload, download)", ("Test requests, by step", "단계별 시험 요청"),
        (rf"{STEPS} and (?P<used>[\d,]+) in sessions .+", rf"{STEPS} .+ (?P<used>[\d,]+)건 별도"),
        result="–"),
    Row("0 errors", ("Failed test requests", "실패한 시험 요청"),
        (r"0 of (?P<users>[\d,]+) failed, 0 unknown", r"(?P<users>[\d,]+)건 중 실패 0건, 결과 불명 0건"), "0"),
    Row("every request accounted for", ("Every request accounted for", "모든 요청의 결과 확인"),
        (r"(?P<sent>[\d,]+) sent = (?P=sent) ok \+ 0 failed \+ 0 unknown",
         r"전송 (?P<sent>[\d,]+)건 = 성공 (?P=sent)건 \+ 실패 0건 \+ 불명 0건"), "all known"),
    Row("no user saw an error", ("Failed requests, as the gateway counted them", "게이트웨이가 집계한 실패 요청"),
        (r"blue: 0 of (?P<blue>[\d,]+) failed; green: 0 of (?P<green>[\d,]+) failed .+",
         r"blue: (?P<blue>[\d,]+)건 중 실패 0건; green: (?P<green>[\d,]+)건 중 실패 0건 .+"), "0"),
    Row("response P95 held at 1.45 s", ("Response time, P95", "응답 시간 P95"),
        (r"(?P<p95>[\d.]+) s .+", r"(?P<p95>[\d.]+)초 .+"), "<= 1.45s"),
    Row("0 minutes of downtime", ("Downtime", "중단 시간"), (r"0 s .+", r"0초 .+"), "0 s"),
    Row("all of it was watched",
        ("Measured without a break", "측정의 연속성"), ("always", "전 구간 측정"), "the whole time"),
    # 3. Post-verification
    Row("worker queue delay: 45 s at most, limit 60 s", ("Worker queue delay", "Worker 대기열 지연"),
        (r"(?P<delay>[\d.]+) s at most queue: Successful, .+", r"최대 (?P<delay>[\d.]+)초 queue: Successful, .+"),
        "<= 60s"),
    Row("event log: 0 errors, 2 warnings (informational)", ("Event log", "이벤트 로그"),
        (r"0 errors, 2 warnings \(informational\) events: Successful, 2 warnings: worker 1001 \(2\); 6 rec.+",
         r"오류 0건, 경고 2건\(참고\) events: Successful, 2 warnings: worker 1001 \(2\); 6 rec.+"),
        "0 errors"),
    Row("SessionId retention 100 %", ("User sessions kept (retention)", "사용자 세션 유지율"),
        (r"100 %: 20 opened = 20 kept \+ 0 lost \+ 0 unknown", r"100 %: 전체 20개 = 유지 20개 \+ 유실 0개 \+ 불명 0개"),
        "100 %"),
    Row("Worker and Shared Drive Sync have one owner at a time",
        ("Exclusive members handed over", "단독 소유 구성 요소 인계"),
        (r"worker, sync; nobody owned for (?P<ownerless>[\d.]+) s",
         r"worker, sync 인계 완료, 소유자 공백 (?P<ownerless>[\d.]+)초")),
    # 4. Ready to roll back
    Row("the rollback scenario was not needed", ("Rollback", "롤백"), ("not needed", "필요하지 않았음"), result="–"),
    Row("if it is: scripts/deploy/run-rollback.ps1", ("Script to go back by hand", "수동 롤백 스크립트"),
        (r"rollback\.sh: .+; rollback\.ps1: .+ in this pack; .+", r"rollback\.sh: .+; rollback\.ps1: .+ 포함, .+"),
        result="–"),
    Row("recovery-point snapshot stored", ("Recovery-point snapshot", "복구 시점 스냅샷"),
        (r"stored, read back and verified: <archive> \((?P<size>[\d.]+) bytes\) SHA-256 <digest>",
         r"저장 후 다시 읽어 검증 완료: <archive> \((?P<size>[\d.]+) bytes\) SHA-256 <digest>")),
    # Evidence kept
    Row("zero-downtime-switch.log", ("Switch log", "전환 로그"), (r"switch\.log",) * 2, result="–"),
    Row("zero-downtime-dashboard.png", ("Dashboard picture", "대시보드 이미지"), (r"dashboard\.png",) * 2, result="–"),
    Row("the steps taken agree with the runbook",
        ("Steps taken agree with the plan (runbook)", "수행 단계와 계획(런북)의 일치"),
        (r"(?P<steps>\d+) planned, (?P=steps) taken", r"계획 (?P<steps>\d+)단계, 수행 (?P=steps)단계"),
        "all as planned"),
)  # fmt: skip

CONCLUSION = (
    r"No user met an interruption or an error\. The transition ended as Succeeded\. .+ 20 of 20 sessions kept",
    r"사용자 중단과 오류가 없었음이 입증되었습니다\. 전환 결과: 성공\(Succeeded\) .+ 세션 20개 중 20개 유지",
)
LEFT = (
    (r"Find the cause of the warnings of events, and tune the alert: 2 warnings: worker 1001 \(2\); .+",
     r"events 경고의 원인 파악 및 경보 민감도 조정: 2 warnings: worker 1001 \(2\); .+"),
    (r"For the KPI: downtime 0\.00 min, failed requests 0 of .+",
     r"KPI 반영: 중단 시간 0\.00분, 요청 .+ 중 실패 0건.+"),
    (r"Rehearse the switch every month; .+", r"매월 전환 훈련 시행\. .+"),
)  # fmt: skip


def wrong(sheet: Read, language: str, known: Known, texts: Mapping[str, str]) -> list[str]:
    """What of it is missing in a report, or is not so; empty: it has every line."""
    number, zone = list(ZONES).index(language), ZONES[language]
    rows = [(row, Line(sheet.facts.get(row.item[number], ""), "", "")) for row in FACTS]
    told = [
        *(_strange(row.scenario, row.value[number], line.value, known, texts, zone) for row, line in rows),
        _strange("conclusion", CONCLUSION[number], sheet.verdict, known, texts, zone),
    ]
    for row in LINES:
        line = sheet.lines.get(row.item[number], Line("", "", ""))
        limit, result = (KOREAN.get(one, one) if number else one for one in (row.limit, row.result))
        told.append(_strange(row.scenario, row.value[number], line.value, known, texts, zone))
        told.append("" if line[1:] == (limit, result) else f"{row.scenario}: {line[1:]}, expected {(limit, result)}")
    for pattern, item in zip([one[number] for one in LEFT], [*sheet.left, "", "", ""], strict=False):
        told.append(_strange("left to do", pattern, item, known, texts, zone))
    told += [f"left to do: {item}" for item in sheet.left[len(LEFT) :]]
    good = {KOREAN[one] if number else one for one in ("pass", "–")}
    told += [f"{item}: {line.result}" for item, line in sheet.lines.items() if line.result not in good]
    return [one for one in told if one]


def _strange(name: str, pattern: str, text: str, known: Known, texts: Mapping[str, str], zone: timezone) -> str:
    for key, word in texts.items():
        pattern = pattern.replace(f"<{key}>", re.escape(word))
    found = re.fullmatch(pattern, text)
    if found is None:
        return f"{name}: found {text!r}, expected {pattern}"
    figures = {key: _figure(said, zone) for key, said in found.groupdict().items()}
    off = {key: value for key, value in figures.items() if not known[key][0] <= value <= known[key][1]}
    return f"{name}: {off} in {text!r}, expected {[known[key] for key in off]}" if off else ""


def _figure(text: str, zone: timezone) -> float:
    """A number, or a moment in seconds since 1970."""
    if re.fullmatch(AT, text):
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    return float(text.replace(",", ""))
