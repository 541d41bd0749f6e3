"""Members as processes of this machine, of apps that the operator has defined. They outlive the reconciler.

What is known of them lies in the environment's state folder: a record per member and slot, and a log per version.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Pin, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.examining import Finding, failed, ok, split
from reconciler.drivers.identity import Identity
from reconciler.drivers.process import launch, lives, ownership, record
from reconciler.drivers.process.app import App, plain
from reconciler.drivers.process.ending import end, request_end
from reconciler.drivers.process.health import Health
from reconciler.drivers.process.lives import Lives
from reconciler.drivers.process.log import last_words
from reconciler.drivers.process.record import Record
from reconciler.drivers.protocols import HostContext, Typed
from reconciler.errors import Refused

STOPPED, UNREADY = MemberStatus.STOPPED, MemberStatus.UNREADY


class Settings(BaseModel):
    """What a manifest may say: the name of an app in the operator's file, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    app: str


def open(context: HostContext, settings: Settings) -> ProcessHost:
    """Touches nothing. Raises Refused for an app that the operator has not defined."""
    if not isinstance(context.app, App):
        raise Refused(
            f"{context.environment}/{context.member}: app '{settings.app}' is not defined in the operator's file; "
            f"define it there as [apps.{settings.app}]"
        )
    plain("the member's name", context.member)
    if misfit := context.app.misfit(settings.app, standby=context.standby):
        raise Refused(f"{context.environment}/{context.member}: {misfit}")
    return ProcessHost(context, settings.app, context.app)


class ProcessHost:
    """One member, in both slots."""

    def __init__(self, context: HostContext, name: str, app: App, clock: Clock = SYSTEM) -> None:
        self.context, self.name, self.app, self.clock = context, name, app, clock
        self._lives = Lives()
        self._health = {slot: Health(app.ready, context.deadline, clock) for slot in Slot} if app.ready else {}

    def address(self, slot: Slot) -> str | None:
        return f"127.0.0.1:{self.app.ports.of(slot)}" if self.app.ports else None

    def read(self, slot: Slot) -> MemberReading:
        known = record.load(self._path(slot))
        if known is None:
            return MemberReading(STOPPED, detail="never started")
        life = self._lives.of(known)
        if life.over:
            return MemberReading(STOPPED, detail=self._how_it_ended(slot, known))
        if life.starting:
            return MemberReading(UNREADY, detail="another reconciler is starting it")
        if known.stop_asked is not None:
            return MemberReading(MemberStatus.STOPPING, known.label, "asked to stop, finishing its work")
        if life.leader is None:
            left = ", ".join(str(each.pid) for each in life.others)
            return MemberReading(UNREADY, detail=f"it ended, but what it had started still runs: process {left}")
        if slot not in self._health or not self.app.ports:
            return MemberReading(MemberStatus.READY, known.label)
        role = None
        if self.app.standby:  # read before it is asked: what it says afterwards may only be newer
            role = partial(ownership.judge, slot, ownership.load(self._ownership))
        return self._health[slot].ask(self.app.ports.of(slot), replace(known, identity=life.leader), role)

    def stage(self, slot: Slot, pin: Pin) -> None:
        self.app.folder(self._values(slot, pin))

    def start(self, slot: Slot, pin: Pin) -> None:
        path = self._path(slot)
        known = record.load(path)
        if known and self._already(slot, pin, known):
            return
        values = self._values(slot, pin)
        release = self.app.folder(values)
        if self.app.ports:
            launch.require_free(self.app.ports.of(slot), f"{self.context.member} in {slot} (app '{self.name}')")
        record.put(Path(values["config"]), json.dumps(dict(pin.config)))
        if self.app.standby:
            ownership.forget(self._ownership, slot)
        self._spawn(slot, pin, values | ({"release": str(release)} if release else {}))

    def stop(self, slot: Slot) -> None:
        path = self._path(slot)
        known = record.load(path)
        if known is None:
            return
        life, now = self._lives.of(known), self.clock.monotonic()
        if life.over:
            return
        if known.stop_asked is None:
            request_end(self._lives, known)
            record.save(path, replace(known, stop_asked=now))
        elif not 0 <= now - known.stop_asked < self.app.stop_timeout:
            end(self._lives, known)

    def grant(self, slot: Slot, number: int) -> None:
        known = record.load(self._path(slot))
        if known and known.release_asked is not None:  # first: an old stamp would end the next one by force, at once
            record.save(self._path(slot), replace(known, release_asked=None))
        ownership.grant(self._ownership, slot, number)

    def release(self, slot: Slot, number: int) -> None:
        ownership.release(self._ownership, slot, number)
        known = record.load(self._path(slot))
        if known is None or self.read(slot).status in (STOPPED, MemberStatus.STANDBY):
            return
        now = self.clock.monotonic()
        if known.release_asked is None:
            record.save(self._path(slot), replace(known, release_asked=now))
        elif not 0 <= now - known.release_asked < self.app.stop_timeout:
            end(self._lives, known)

    def lacking(self, slot: Slot, pin: Pin) -> str:
        try:
            self.app.folder(self._values(slot, pin))
        except Refused as error:
            return str(error)
        return ""

    def examine(self) -> Sequence[Finding]:
        """Where a program of the member's is to listen; the program itself is the app's, and examined there."""
        return [self._place(slot, self.app.ports.of(slot)) for slot in Slot] if self.app.ports else []

    def _place(self, slot: Slot, port: int) -> Finding:
        what, known = f"port {slot}", record.load(self._path(slot))
        if known and (leader := self._lives.of(known).leader):
            return ok(what, f"127.0.0.1:{port}, our own process {leader.pid}")
        try:
            launch.require_free(port, self.context.member)
        except Refused as error:
            return failed(what, *split(error))
        return ok(what, f"127.0.0.1:{port} is free")

    def by_hand(self, slot: Slot, pin: Pin) -> Typed:
        """The command itself is not told: an argument or a variable may hold a secret."""
        record = shlex.quote(str(self._path(slot).absolute()))
        pid = rf"""$(sed -n 's/.*"pid": \([0-9]*\), "identity".*/\1/p' {record})"""
        values = [f"slot {slot}", f"version {pin.version}"]
        values += [f"port {self.app.ports.of(slot)}"] if self.app.ports else []
        started = f"by the command of [apps.{self.name}] in the operator's file, with {', '.join(values)}"
        typed = Typed(f'kill -TERM "{pid}"', started)
        if not (self.app.standby and self.app.ports):
            return typed
        role = f"curl -s http://127.0.0.1:{self.app.ports.of(slot)}{self.app.ready}"
        let_go, own = (ownership.typed(self._ownership, owner) for owner in (None, slot))
        return replace(typed, let_go=let_go, role=role, own=own)

    def close(self) -> None:
        for health in self._health.values():
            health.close()

    def _already(self, slot: Slot, pin: Pin, known: Record) -> bool:
        """Does it run as pinned? Refused when something else does. What a dead program left behind is cleared away."""
        life, who = self._lives.of(known), f"{self.context.member} in {slot}"
        if life.starting:
            raise Refused(
                f"{who} is being started by another reconciler, process {known.starter and known.starter.pid}"
            )
        if life.leader is None:
            if life.others:
                end(self._lives, known)
            return False
        if known.stop_asked is not None:
            raise Refused(f"{who} still runs {known.label}, which was asked to stop; wait until it has")
        if known.label != pin.label:
            raise Refused(f"{who} runs {known.label}; it must be stopped before {pin.label} can start")
        if known.identity is None:  # its starter died before it could write this down
            record.save(self._path(slot), replace(known, pid=life.leader.pid, identity=life.leader))
        return True

    def _spawn(self, slot: Slot, pin: Pin, values: dict[str, str]) -> None:
        """The record of a start comes before it, so that a process that we lose sight of is found by its token."""
        path, log = self._path(slot), self._log(slot, pin.label)
        begun = Record(
            label=pin.label,
            version=pin.version,
            token=secrets.token_hex(16),
            starter=Identity.of(os.getpid()),
            at=self.clock.wall(),
            log_from=log.stat().st_size if log.exists() else 0,
        )
        record.save(path, begun)
        config = Path(values["config"])
        try:
            child = launch.spawn(
                [self.app.fill(word, values) for word in self.app.command],
                self.app.base / self.app.fill(self.app.cwd or "", values),
                launch.environment(os.environ, self.app.env, config, begun.token),
                log,
            )
        except Refused:
            path.unlink(missing_ok=True)  # nothing runs, and nothing will
            raise
        lives.keep(path, child)
        record.save(path, replace(begun, pid=child.pid, identity=Identity.of(child.pid)))

    def _how_it_ended(self, slot: Slot, known: Record) -> str:
        code = lives.exit_code(self._path(slot), known)
        words = last_words(self._log(slot, known.label), known.log_from, self.app.env.values())
        how = "ended" if code is None else f"ended with exit code {code}"
        return f"{how}; its last words: {words}" if words else how

    def _values(self, slot: Slot, pin: Pin) -> dict[str, str]:
        """What the placeholders of a command stand for; `release` only once its folder has been found."""
        values = {
            "version": plain("the version", pin.version),
            "slot": str(slot),
            "member": self.context.member,
            "environment": self.context.environment,
            "config": str(self._path(slot).with_suffix(".config.json").absolute()),
            "ownership": str(self._ownership.absolute()),
        }
        return values | ({"port": str(self.app.ports.of(slot))} if self.app.ports else {})

    @property
    def _ownership(self) -> Path:
        return self.context.state / "members" / f"{self.context.member}.ownership.json"

    def _path(self, slot: Slot) -> Path:
        return self.context.state / "members" / f"{self.context.member}-{slot}.json"

    def _log(self, slot: Slot, label: str) -> Path:
        return self.context.state / "logs" / f"{self.context.member}-{slot}-{label.replace('#', '-')}.log"
