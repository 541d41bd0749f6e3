"""A small system to switch between slots: `python sample.py MEMBER --port P --version V --release DIR ...`

Standard library only. Both slots share the folder `--data`; what a version does wrong stands in its release folder.
Ends gracefully on SIGTERM: takes nothing new, finishes what it holds, exits with 0.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
from pathlib import Path

import api
import frontend
import release
import serving
import sync
import worker

HEARD, TOLD = socket.socketpair()  # of a signal
MEMBERS: dict[str, type[serving.Member]] = {
    "api": api.Api,
    "frontend": frontend.Frontend,
    "worker": worker.Worker,
    "sync": sync.Sync,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("member", choices=sorted(MEMBERS))
    parser.add_argument("--port", type=int, required=True, help="where it listens, on 127.0.0.1")
    parser.add_argument("--version", required=True, help="what it calls itself")
    parser.add_argument("--release", type=Path, required=True, help="folder of this version; may hold release.json")
    parser.add_argument("--slot", required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder that both slots share")
    parser.add_argument("--config", type=Path, help="JSON file with this version's configuration")
    parser.add_argument("--ownership", type=Path, help="JSON file that says who owns; worker and sync stand by")
    return parser.parse_args()


def ended() -> threading.Event:
    """Set by SIGTERM and Ctrl-C. Whichever thread the signal meets writes to the socket: a handler would wait for the
    main thread, which may sleep through it (after SIGSTOP and SIGCONT it does) or hold the lock of this very event."""
    stop = threading.Event()
    TOLD.setblocking(False)
    signal.set_wakeup_fd(TOLD.fileno())
    threading.Thread(target=lambda: (HEARD.recv(1), stop.set()), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    return stop


def main() -> int:
    given = arguments()
    stop = ended()
    told = release.read(given.release)
    if told.die_at_start:
        print(f"{given.member} {given.version}: dies at start, as {release.FILE} tells it", flush=True)
        return 3
    schema = release.schema(given.release)
    me = serving.Me(given.member, told.report_version or given.version, given.slot)
    config = release.config(given.config)
    member = MEMBERS[given.member](serving.Given(me, given.data, config, told, schema, given.ownership))
    try:
        server = serving.Server(given.port, member)
    except OSError as problem:
        print(f"{given.member}: cannot listen on 127.0.0.1:{given.port}: {problem}", flush=True)
        return 1
    server.run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
