"""Real messages to real servers of this machine, through apprise; and no secret in anything that is said about it."""

from __future__ import annotations

import gc
import logging
import threading
from pathlib import Path

import pytest
from alerts_servers import TOKEN, Mailbox, Webhook, closed_port
from alerts_world import ACCEPTED, SUCCEEDED, World, failed
from pydantic import ValidationError

from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.drivers.alerts.send import Sender, problem
from reconciler.errors import InvalidConfiguration, ReconcilerError, Refused, Unreachable


def send(url: str, title: str = "a title", body: str = "a body", deadline: float = 30.0) -> None:
    Sender(Recipient(url=url), deadline).send(title, body, Kind.ROLLED_BACK)


def told(url: str, kind: type[ReconcilerError], deadline: float = 30.0) -> str:
    with pytest.raises(kind) as caught:
        send(url, deadline=deadline)
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"
    return str(caught.value)


def test_a_webhook_gets_the_message_as_it_is(hook: Webhook) -> None:
    send(hook.url, "production: it is <b>so</b>", "why: \\n a :smile: $HOME ${HOME} {{x}}\nnext: reconcile status")
    (got,) = hook.got
    assert (got["title"], got["type"], got["key"]) == ("production: it is <b>so</b>", "failure", TOKEN)
    assert got["message"] == "why: \\n a :smile: $HOME ${HOME} {{x}}\nnext: reconcile status"
    assert got["attachments"] == []


def test_a_mail_arrives(mailbox: Mailbox) -> None:
    send(mailbox.url, "production: green was rolled back", "why: <script>\nnext: reconcile retry production")
    (mail,) = mailbox.mails
    assert mail["Subject"] == "production: green was rolled back"
    assert mail["To"] == "ops@corp.example"
    text = mail.get_body(("plain", "html")).get_content()
    assert "next: reconcile retry production" in text.replace("&nbsp;", " ")


def test_a_server_that_fails_is_told_by_its_status(hook: Webhook) -> None:
    hook.status = 500
    assert told(hook.url, Refused) == "the other side answered with status 500"


def test_a_failure_leaves_nothing_behind_that_could_stop_another_thread(hook: Webhook) -> None:
    """Whoever collects garbage next, a worker of the loop for one, would wait for a lock of a thread that is gone."""
    hook.status = 500
    for _ in range(3):
        told(hook.url, Refused)
    collector = threading.Thread(target=gc.collect, daemon=True)
    collector.start()
    collector.join(20.0)
    assert not collector.is_alive()


def test_a_server_that_is_not_there_is_a_failure() -> None:
    assert told(f"json://127.0.0.1:{closed_port()}/{TOKEN}", Refused) == "it was not delivered"


def test_a_server_that_never_answers_is_left_behind_after_the_deadline(hook: Webhook) -> None:
    hook.silent = True
    sender = Sender(Recipient(url=f"{hook.url}&rto=60"), 0.2)
    for expected in ("no answer within", "what was asked before has not returned yet"):
        with pytest.raises(Unreachable, match=expected):
            sender.send("a", "b", Kind.STALLED)
    assert hook.taken.wait(20.0)
    assert hook.tried == 1, "one message at a time waits for it"


@pytest.mark.parametrize("url", [f"nonsense-{TOKEN}", f"slack://{TOKEN}", f"json://:{TOKEN}@", "mailto://", "://"])
def test_an_address_that_apprise_does_not_understand_is_named_by_its_table_only(url: str) -> None:
    wrong = problem(Recipient(url=url))
    assert "none that apprise understands" in wrong
    assert TOKEN not in wrong
    assert "none that apprise understands" in told(url, InvalidConfiguration)


@pytest.mark.parametrize(
    "scheme", ["dbus", "gnome", "GNOME", "macosx", "windows", "qt", "kde", "glib", "gio", "blink1"]
)
def test_what_shows_on_a_desktop_is_refused(scheme: str) -> None:
    assert "shows messages on a desktop" in problem(Recipient(url=f"{scheme}://"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "include:///etc/passwd", "http://127.0.0.1:1/config", "memory://"]
)
def test_a_list_of_addresses_somewhere_else_is_no_address(url: str) -> None:
    assert "none that apprise understands" in problem(Recipient(url=url))


def test_the_address_may_lie_in_a_variable_or_a_file_and_change_there(tmp_path: Path) -> None:
    by_variable = Recipient(url_env="ALERT_URL")
    assert by_variable.address({"ALERT_URL": " json://a.example\n"}) == "json://a.example"
    with pytest.raises(InvalidConfiguration, match="the variable ALERT_URL does not hold one line"):
        by_variable.address({})
    by_file = Recipient(url_file="secret", base=tmp_path)
    with pytest.raises(InvalidConfiguration, match="secret cannot be read: No such file"):
        by_file.address()
    for text in ("json://a.example\n", "json://b.example"):
        (tmp_path / "secret").write_text(text)
        assert by_file.address() == text.strip()
    for text in (b"", b"\n", f"{TOKEN}\n{TOKEN}".encode(), b"x" * 20_000, b"\xff\xfe"):
        (tmp_path / "secret").write_bytes(text)
        with pytest.raises(InvalidConfiguration) as caught:
            by_file.address()
        assert TOKEN not in str(caught.value)
    assert (problem(by_variable), problem(by_file)) == ("", ""), "it may come later"


def test_an_address_is_in_no_picture_of_a_recipient() -> None:
    assert TOKEN not in repr(Recipient(url=f"json://{TOKEN}"))
    with pytest.raises(ValidationError) as caught:
        Recipient(url=f"json://{TOKEN}", url_env="X")
    assert TOKEN not in str(caught.value)


def test_nothing_that_is_said_or_kept_holds_the_address(
    hook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    world = World(
        tmp_path, ops=Recipient(url=hook.url), dead=Recipient(url=f"json://127.0.0.1:{closed_port()}/{TOKEN}")
    )
    for outbox in world.bell._outboxes:
        outbox._send = Sender(world.recipients[outbox.name])
    world.write(ACCEPTED)
    world.ring()
    hook.status = 500
    world.write(*failed())
    world.ring()
    hook.status = 200
    world.write(*SUCCEEDED)
    world.pass_by(5.0)
    assert len(hook.got) == 2
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept
    ours = [record for record in caplog.records if record.name.startswith(("reconciler", "apprise"))]
    assert TOKEN not in " ".join(record.getMessage() for record in ours)
    assert TOKEN not in "".join(capfd.readouterr())
    world.journal.close()


def test_ending_does_not_wait_for_a_silent_server(hook: Webhook, tmp_path: Path) -> None:
    hook.silent, before = True, set(threading.enumerate())
    world = World(tmp_path, ops=Recipient(url=f"{hook.url}&rto=60"))
    world.bell._outboxes[0]._send = Sender(world.recipients["ops"])
    world.write(ACCEPTED)
    world.ring()
    world.write(*failed())
    world.bell.start()
    assert hook.taken.wait(20.0)
    world.bell.stop(grace=0.1)
    left = [one.thread for one in world.bell._senders.values() if one.thread.is_alive()]
    assert all(thread.daemon for thread in left)
    assert not any(thread.name.startswith("ThreadPool") for thread in set(threading.enumerate()) - before)
    hook.released.set()
    for thread in left:
        thread.join()
    world.journal.close()
