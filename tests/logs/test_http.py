"""OpenTelemetry and Loki over real HTTP: what is sent, and what each answer means for the lines in it."""

from __future__ import annotations

import json
import ssl
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from logs_servers import Http, certificate, closed_port, http, loki_lines, otlp_lines
from logs_world import Clock, World, line

from reconciler.drivers.logs.destination import Destination, sender
from reconciler.drivers.logs.otlp import Otlp
from reconciler.drivers.logs.sending import Later, Unfit
from reconciler.errors import InvalidConfiguration, ReconcilerError, Refused, Unreachable

TOKEN = "s3cr3t-t0k3n-0f-a-c0llect0r"
KINDS = ("otlp", "loki")
SAID = {
    "id": "a-1",
    "at": "2026-01-01T10:00:00.123+00:00",
    "level": "warning",
    "logger": "reconciler.loop",
    "environment": "production",
}
NANOSECONDS = "1767261600123000000"


def said(number: int, **more: object) -> bytes:
    return line(number, **{**SAID, **more})


def made(kind: str, server: Http | str, **more: Any) -> Destination:
    url = server if isinstance(server, str) else server.url
    return Destination(kind=kind, url=url, **more)  # type: ignore[arg-type]


def texts(kind: str, contents: list[Any]) -> list[str]:
    return {"otlp": otlp_lines, "loki": loki_lines}[kind](contents)


def test_opentelemetry_gets_records_with_severity_time_and_attributes(server: Http) -> None:
    sender(made("otlp", server)).send([said(1, seq=42, event="Judged"), said(2, level="info", logger="reconciler.run")])
    ((path, headers, content),) = server.tried
    assert (path, headers["content-type"]) == ("/v1/logs", "application/json")
    (resource,) = content["resourceLogs"]
    who = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
    assert who["service.name"] == {"stringValue": "reconcile"}
    first, second = resource["scopeLogs"]
    assert (first["scope"]["name"], second["scope"]["name"]) == ("reconciler.loop", "reconciler.run")
    (record,) = first["logRecords"]
    attributes = {one["key"]: one["value"] for one in record.pop("attributes")}
    assert record == {
        "timeUnixNano": NANOSECONDS,
        "observedTimeUnixNano": NANOSECONDS,
        "severityNumber": 13,
        "severityText": "WARN",
        "body": {"stringValue": "line 1"},
    }
    assert attributes["log.record.uid"] == {"stringValue": "a-1"}
    assert (attributes["seq"], attributes["event"]) == ({"intValue": "42"}, {"stringValue": "Judged"})
    assert second["logRecords"][0]["severityNumber"] == 9


def test_loki_gets_the_lines_in_streams_of_few_labels(server: Http) -> None:
    sender(made("loki", server, labels={"team": "shop"})).send([said(1), said(2, level="info"), said(3)])
    ((path, _, content),) = server.tried
    assert path == "/loki/api/v1/push"
    first, second = content["streams"]
    assert first["stream"] | {"host": ""} == {
        "service_name": "reconcile",
        "host": "",
        "team": "shop",
        "level": "warning",
        "environment": "production",
    }
    assert [(at, json.loads(text)) for at, text in first["values"]] == [
        (NANOSECONDS, json.loads(said(number))) for number in (1, 3)
    ]
    assert second["stream"]["level"] == "info"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_line_is_a_message_too(server: Http, kind: str) -> None:
    sender(made(kind, server)).send([b"\xff no json", b"[1]"])
    assert len(server.got) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_of_its_own_is_kept(server: Http, kind: str) -> None:
    sender(made(kind, f"{server.url}/tenant/push")).send([said(1)])
    assert server.tried[0][0] == "/tenant/push"


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (400, {}, Unfit),
        (413, {}, Unfit),
        (422, {}, Unfit),
        (401, {}, Refused),
        (403, {}, Refused),
        (404, {}, Refused),
        (302, {"location": "http://elsewhere.invalid"}, Refused),
        (429, {}, Unreachable),
        (500, {}, Unreachable),
        (503, {"Retry-After": "7"}, Later),
        (429, {"Retry-After": "7"}, Later),
        (429, {"Retry-After": "soon"}, Unreachable),
    ],
)
def test_what_an_answer_means(server: Http, status: int, headers: dict[str, str], error: type[ReconcilerError]) -> None:
    server.answer = lambda _content: (status, headers)
    server.says = TOKEN.encode()
    with pytest.raises(error, match=f"{server.url}/v1/logs: the other side answered with status {status}") as caught:
        sender(made("otlp", server)).send([said(1)])
    assert type(caught.value) is error
    assert TOKEN not in str(caught.value)
    if isinstance(caught.value, Later):
        assert caught.value.seconds == 7.0


def test_a_moment_to_come_again_may_be_a_date_and_is_believed_within_bounds(server: Http) -> None:
    clock = Clock()
    for later, seconds in ((90, 90.0), (-5, 0.0), (10**6, 3600.0)):
        date = format_datetime(clock.now() + timedelta(seconds=later), usegmt=True)
        server.answer = lambda _content, date=date: (429, {"Retry-After": date})
        with pytest.raises(Later) as caught:
            Otlp(made("otlp", server), clock).send([said(1)])
        assert caught.value.seconds == seconds


def test_who_answers_429_is_left_alone_until_then(server: Http, world: World) -> None:
    world.shipper._send = sender(made("loki", server))
    server.answer = lambda _content: (429, {"Retry-After": "120"})
    world.write(3, **SAID)
    world.pass_by(119.0)
    assert len(server.tried) == 1
    server.answer = lambda _content: (204, {})
    world.pass_by(2.0)
    assert loki_lines(server.got) == ["line 1", "line 2", "line 3"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_bad_line_is_left_out_and_the_others_arrive(server: Http, world: World, kind: str) -> None:
    world.shipper._send = sender(made(kind, server))
    server.answer = lambda content: (400 if "line 13" in texts(kind, [content]) else 200, {})
    world.write(40, **SAID)
    world.send()
    assert texts(kind, server.got) == [f"line {number}" for number in range(1, 41) if number != 13]
    assert world.position.refused == 1


def test_who_takes_none_older_than_a_week_gets_the_newer_ones_at_once(server: Http, world: World) -> None:
    """As Loki does by default."""
    world.shipper._send = sender(made("loki", server))
    newest = int(NANOSECONDS)
    week = newest - 7 * 24 * 3600 * 10**9

    def answer(content: Any) -> tuple[int, dict[str, str]]:
        times = [int(at) for stream in content["streams"] for at, _ in stream["values"]]
        return (400 if min(times) < week else 204, {})

    server.answer = answer
    world.write(200, **{**SAID, "at": "2025-12-01T10:00:00+00:00"})
    world.write(5, **SAID)
    world.pass_by(2.0)
    newer = [f"line {number}" for number in range(201, 206)]
    assert sorted({*loki_lines(server.got)}) == newer
    world.pass_by(60.0)
    assert (world.position.refused, world.position.waiting) == (200, 0)
    assert sorted({*loki_lines(server.got)}) == newer
    assert len(server.tried) < 450


def test_a_batch_that_is_too_large_is_sent_in_parts(server: Http, world: World) -> None:
    world.shipper._send = sender(made("loki", server))
    server.answer = lambda content: (413 if len(json.dumps(content)) > 5000 else 204, {})
    world.write(100, **SAID)
    world.send()
    assert loki_lines(server.got) == [f"line {number}" for number in range(1, 101)]
    assert world.position.refused == 0


def test_what_opentelemetry_takes_only_partly_is_not_sent_again(server: Http, world: World) -> None:
    world.shipper._send = sender(made("otlp", server))
    server.answer = lambda _content: (200, {})
    server.says = json.dumps({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": TOKEN}}).encode()
    world.write(5, **SAID)
    world.send()
    assert (len(server.tried), world.position.refused) == (1, 2)


@pytest.mark.parametrize("body", [b"", b"{}", b"yes", b"[]", b'{"partialSuccess": null}', b'{"partialSuccess": 3}'])
def test_whatever_else_a_yes_says_it_is_a_yes(server: Http, body: bytes) -> None:
    server.answer, server.says = lambda _content: (200, {}), body
    assert sender(made("otlp", server)).send([said(1)]) == 0


def test_who_never_answers_is_given_up_after_the_timeout_and_told_without_a_secret(server: Http) -> None:
    server.silent = True
    with pytest.raises(Unreachable, match=r"/v1/logs: no complete answer within 0\.2 s"):
        sender(made("otlp", server, timeout="200ms", headers={"authorization": TOKEN})).send([said(1)])
    with pytest.raises(Unreachable, match="no connection") as caught:
        sender(made("otlp", f"http://127.0.0.1:{closed_port()}", headers={"authorization": TOKEN})).send([said(1)])
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_nothing_is_sent_to_one_whose_certificate_nobody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http(certificate(tmp_path)) as server:
        to = server.url.replace("http:", "https:")
        with pytest.raises(Unreachable, match=r"no connection .*CERTIFICATE_VERIFY_FAILED"):
            sender(made("otlp", to)).send([said(1)])
        assert server.tried == []
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        monkeypatch.setattr("reconciler.drivers.http._trust", lambda: trust)
        sender(made("otlp", to)).send([said(1)])
        assert len(server.got) == 1, "and to one that is vouched for it is"


def test_headers_may_lie_elsewhere_and_change_there(
    server: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(
        "loki",
        server,
        base=tmp_path,
        headers={"X-Scope-OrgID": "shop"},
        headers_env={"X-Key": "LOKI_KEY"},
        headers_file={"Authorization": "token"},
    )
    for why in ("the variable LOKI_KEY does not hold one line with the value of a header", "token cannot be read"):
        with pytest.raises(InvalidConfiguration, match=why):
            sender(found).send([said(1)])
        monkeypatch.setenv("LOKI_KEY", "k")
    assert server.tried == []
    for token in ("Bearer a", "Bearer b"):
        (tmp_path / "token").write_text(f"{token}\n")
        sender(found).send([said(1)])
        headers = server.tried[-1][1]
        assert (headers["X-Scope-OrgID"], headers["X-Key"], headers["Authorization"]) == ("shop", "k", token)


def test_no_header_is_in_a_picture_of_a_destination(server: Http) -> None:
    found = made("loki", server, headers={"Authorization": TOKEN})
    assert TOKEN not in f"{found!r} {found.where}"
