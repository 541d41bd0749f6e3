"""`powershell.exe` of the simulated Windows: takes our frame, and nothing else, as the real one would take it.

It checks that the frame is byte for byte ours, that the script is the file of its name, and that the arguments fit the
script's own `param`; what the script then does is the simulated machine's affair.
"""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

from windows_faults import Faults
from windows_machine import Broken, Session, Throw, Windows
from windows_syntax import misfit

from reconciler.drivers.windows import frame

CLIXML = '#< CLIXML\r\n<Objs Version="1.1.0.1"><S S="Error">{}_x000D__x000A_</S></Objs>'
PROGRESS = CLIXML.replace('S="Error"', 'S="progress"').format("Preparing modules for first use.")


class Process:
    """From its start to its end; its output is taken piece by piece. `session`: as whom."""

    def __init__(self, windows: Windows, session: Session, faults: Faults) -> None:
        self._windows, self._session, self._faults = windows, session, faults
        self._input = bytearray()
        self._output, self._errors = bytearray(), bytearray()
        self.code: int | None = None  # None: it runs
        self.killed = False
        self._changed = threading.Condition()

    def start(self, program: str, words: str) -> None:
        """cmd.exe's part: finds the program, and refuses a line that is too long."""
        if len(program) + 1 + len(words) > frame.COMMAND_LINE:
            self._end(1, error="The command line is too long.\r\n")
        elif program != frame.PROGRAM:
            self._end(1, error=f"'{program}' is not recognized as an internal or external command.\r\n")
        elif words.split(" ") != list(frame.WORDS):
            self._end(1, error=CLIXML.format("This is not the reconciler's frame."))

    def feed(self, chunk: bytes, end: bool) -> None:
        """Standard input. Raises BrokenPipeError after its end."""
        if self.code is not None:
            raise BrokenPipeError
        self._input += chunk
        if b"\n" in self._input or end:
            threading.Thread(target=self._run, args=(bytes(self._input.split(b"\n")[0]),), daemon=True).start()

    def take(self, most: int, patience: float) -> tuple[bytes, bytes, int | None]:
        """What it has put out, at most so many bytes, and its code once that was all. Waits for something to tell."""
        with self._changed:
            self._changed.wait_for(lambda: self._output or self._errors or self.code is not None, patience)
            out, err = bytes(self._output[:most]), bytes(self._errors[:most])
            del self._output[:most], self._errors[:most]
            return out, err, None if self._output or self._errors else self.code

    def kill(self) -> None:
        """What it has done stays done; nobody hears of it."""
        with self._changed:
            self.killed = True
            if self.code is None:
                self.code = 1
            self._changed.notify_all()

    def _run(self, line: bytes) -> None:
        try:
            call = json.loads(line.decode("ascii"))
        except ValueError:
            self._end(1, error=CLIXML.format("ConvertFrom-Json : Invalid JSON primitive."))
            return
        said = base64.b64encode(json.dumps(self._answer(call), ensure_ascii=False).encode()).decode()
        output = f"reconciler:{call['operation']}:{said}\r\n".encode()
        self._end(0, output=self._faults.garbled(output), error=PROGRESS)

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        try:
            self._check(call)
            return {"answer": self._windows.run(call["name"], call["arguments"], self._session)}
        except Throw as no:
            return {"refused": str(no)}
        except Broken as error:
            return {"error": str(error), "category": error.category, "line": error.line}

    def _check(self, call: dict[str, Any]) -> None:
        try:
            script = self._windows.script(call["name"])
        except KeyError:
            raise Broken(f"The simulated Windows does not know {call['name']}.", "ObjectNotFound") from None
        if call["script"] != script.text:
            raise Broken(f"The text is not that of {call['name']}.", "ParserError")
        if problem := misfit(script.text, call["arguments"]):
            raise Broken(problem, "InvalidArgument", line=0)

    def _end(self, code: int, output: bytes = b"", error: str = "") -> None:
        with self._changed:
            if self.code is None:
                self._output += output
                self._errors += error.encode()
                self.code = code
            self._changed.notify_all()
