"""What the demo shows while it runs: two bars that move and a list of steps; plain lines when there is no terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    Bootstrapped,
    Ended,
    Event,
    Intended,
    LetGo,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
)
from reconciler.core.model import Stage, Weights, all_on
from reconciler.core.steps import Note, PutBack, Route, Start, Stop, Warm
from reconciler.wording import describe

LINES = 14  # of the latest steps on the screen


class Screen:
    """Follows events; keeps what a bar needs to know. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._weights: Weights | None = None
        self._pending: Event | None = None
        self._versions = {"blue": "", "green": ""}
        self._steps: list[Text] = []
        self._title = ""
        self._live = Live(console=console, refresh_per_second=12, transient=True) if console.is_terminal else None

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def chapter(self, title: str) -> None:
        """A new part of the story begins."""
        self._title = title
        self._line(Text(title, style="bold"))

    def say(self, text: str) -> None:
        self._line(Text(f"  {text}"))

    def event(self, event: Event, at: str = "") -> None:
        """Show what people understand, when it is done: facts, and acts once they were read back."""
        if isinstance(event, Intended):
            self._pending = event
            return
        if isinstance(event, Applied) and isinstance(self._pending, Intended):
            self._applied(self._pending, at)
        elif isinstance(event, Bootstrapped):
            self._weights = all_on(event.stable.slot)
            self._line(Text(f"  {at} {describe(event)}"))
        elif isinstance(event, Accepted | Began | Ended | RollbackBegan | SoakBegan) or _handed(event):
            style = "red" if isinstance(event, RollbackBegan) else ""
            self._line(Text(f"  {at} {describe(event)}", style=style))
        self._draw()

    def _applied(self, intent: Intended, at: str) -> None:
        act = intent.act
        if isinstance(act, Start):
            self._versions[act.slot] = act.version
        if isinstance(act, Route):
            self._weights = act.after.weights
        if isinstance(act, Route | Start | Stop | Warm | PutBack | Note):
            self._line(Text(f"  {at} {describe(act)}", style="cyan" if isinstance(act, Route) else ""))

    def _line(self, text: Text) -> None:
        self._steps.append(text)
        if self._live is None:
            self._console.print(text, soft_wrap=True)
        else:
            self._draw()

    def _draw(self) -> None:
        if self._live:
            self._live.update(self._picture())

    def _picture(self) -> RenderableType:
        bars = Table.grid(padding=(0, 1))
        for slot, colour in (("blue", "blue"), ("green", "green")):
            weight = getattr(self._weights, slot) if self._weights else 0
            bar = ProgressBar(total=100, completed=weight, width=40, complete_style=colour, finished_style=colour)
            bars.add_row(f"{slot:>6} {self._versions[slot]:<7}", bar, f"{weight:>3} %")
        return Group(bars, Text(), *self._steps[-LINES:])

    def keep(self) -> None:
        """Leave all steps on the screen after the live picture is gone."""
        if self._live:
            for step in self._steps:
                self._console.print(step, soft_wrap=True)


def _handed(event: Event) -> bool:
    """A word about the hand-over: that the old owner let go, that this was proved, that the new one owns."""
    proved = isinstance(event, StagePassed) and event.stage is Stage.HAND_OVER
    return proved or isinstance(event, LetGo) or (isinstance(event, StepPassed) and bool(event.handed))
