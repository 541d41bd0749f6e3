"""What a step, a gate's usual answer, or a record of the journal is called in Korean. These are sentences of ours, of
which journal and plan hold the English; what is not among them (a command's words, somebody's reason) stays as it is.
"""

from __future__ import annotations

import re

_WORDS: tuple[tuple[str, str], ...] = (
    (r"stage the files of (\S+) in (blue|green)", r"\2에 \1 파일 배치"),
    (r"start (.+) (\S+) in (blue|green)(, as owner)?", r"\3에서 \1 \2 시작"),
    (r"stop (.+?) in (blue|green)(, as owner)?", r"\2에서 \1 중지"),
    (r"warm (blue|green) up: first requests to (\S+)", r"\1 예열: \2에 첫 요청 전송"),
    (r"weights: (blue \d+ %, green \d+ %)", r"트래픽 비율: \1"),
    (r"admit nobody to (.+)", r"\1 신규 접속 차단"),
    (r"withdraw the fallback", r"대체 경로 해제"),
    (r"migrate the data for (\S+)", r"\1용 데이터 마이그레이션"),
    (r"the data is migrated for (\S+?)(?:: (.+))?", r"\1용 데이터 마이그레이션 완료"),
    (r"take a recovery point: (.+)", r"복구 시점 생성: \1"),
    (r"there is a recovery point(.*)", r"복구 시점 확보:\1"),
    (r"step (\d+) passed(?:: .+)?", r"\1단계 통과"),
    (r"(.+) handed over(?:: .+)?", r"\1 인계 완료"),
    (r"(.+): the old owner has let go, nobody owns", r"\1: 이전 소유자 해제, 소유자 없음"),
    (r"(preflight|migrate|shift|handOver|postflight|soak|finalise) passed(?:: .+)?", r"\1 단계 통과"),
    (r"(preflight|migrate|shift|handOver|postflight) may begin: plan (\S+)(.*)", r"\1 단계 시작 가능: 계획 \2"),
    (r"soak begins: full weight, still measured", r"전체 전환 후 관찰 시작"),
    (r"going back \(Drill\): .+", r"되돌리기 시작(훈련 항목)"),
    (r"going back \((\w+)\): (.+)", r"롤백 시작(\1): \2"),
    (r"(Succeeded|RolledBack|Aborted|Superseded)(?:: .+)?", r"전환 종료: \1"),
    (r"approval asked: before (\S+), of plan (\S+)", r"승인 요청: \1 단계 전, 계획 \2"),
    (r"approved: (\S+), plan (\S+), by ([^\s,:]+): (.+)", r"승인: \1 단계, 계획 \2, 승인자 \3, 의견: \4"),
    (r"approved: (\S+), plan (\S+), by (\S+?)(,.*)?", r"승인: \1 단계, 계획 \2, 승인자 \3"),
    (r"approval void: (\S+), plan (\S+)(.*)", r"승인 무효: \1 단계, 계획 \2"),
    (r"status (\d+) in (\d+) ms", r"상태 코드 \1, \2 ms"),
    (r"status (\d+)", r"상태 코드 \1"),
    (r"status (\d+) instead of (\d+)", r"상태 코드 \1 (기대값 \2)"),
    (r"exit code (\d+)", r"종료 코드 \1"),
    (r"errors <= (\d+), p95 <= (\S+)", r"오류 \1건 이하, P95 \2 이하"),
    (r"(\d+) errors?", r"오류 \1건"),
    (r"(\d+) errors?, (\d+) warnings?", r"오류 \1건, 경고 \2건"),
    (r"(\d+) errors?, (\d+) warnings? \(informational\)", r"오류 \1건, 경고 \2건(참고)"),
    (r"(\d+(?:\.\d+)?) s", r"\1초"),
    (r"<= (\S+)", r"\1 이하"),
    (r">= (.+)", r"\1 이상"),
)
_SENTENCES = tuple((re.compile(pattern), korean) for pattern, korean in _WORDS)
_SUMS = (  # of the gates that send requests, road by road
    (re.compile(r"(\d[\d,]*) sent = (\d[\d,]*) ok \+ (\d[\d,]*) failed \+ (\d[\d,]*) unknown"),
     r"전송 \1건 = 성공 \2건 + 실패 \3건 + 불명 \4건"),
    (re.compile(r"longest gap"), "최장 간격"),
    (re.compile(r"(\d[\d,]*) sessions = (\d[\d,]*) kept \+ (\d[\d,]*) lost \+ (\d[\d,]*) unknown"),
     r"세션 \1개 = 유지 \2개 + 유실 \3개 + 불명 \4개"),
)  # fmt: skip


def korean(text: str) -> str:
    for pattern, words in _SENTENCES:
        if found := pattern.fullmatch(text):
            return found.expand(words)
    for pattern, words in _SUMS:
        text = pattern.sub(words, text)
    return text
