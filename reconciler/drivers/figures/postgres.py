"""One number from a PostgreSQL, in a transaction that can only read."""

from __future__ import annotations

import math
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reconciler.drivers.figures.query import Query
from reconciler.durations import write
from reconciler.errors import Refused, Unreachable
from reconciler.spelling import shown

if TYPE_CHECKING:
    from psycopg import Connection

_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|NaN|-?Infinity")
LONGEST = 100  # characters of a value: the server itself cuts it
GRACE = 0.5  # seconds, for a server that keeps the statement's time-out to say so


def one_value(name: str, query: Query, patience: float) -> float | None:
    """Raises Refused for what is wrong, Unreachable when there is no answer in time. Making the connection may take two
    seconds, the least that the library waits."""
    try:
        import psycopg
    except ImportError as error:
        cure = "install the extra `postgres`: pip install 'slot-reconciler[postgres]'"
        raise Refused(f"query '{name}' asks a PostgreSQL, for which psycopg is missing; {cure}") from error
    silent = threading.Event()
    try:
        with psycopg.connect(query.url, connect_timeout=math.ceil(patience)) as connection:
            connection.read_only = True
            with _cut_off(connection, patience + GRACE, silent):
                rows = _rows(connection, query.sql, patience)
    except psycopg.errors.QueryCanceled as error:
        raise Unreachable(f"query '{name}': no answer within {write(patience)}") from error
    except psycopg.OperationalError as error:
        why = f"the server fell silent, for {write(patience)}" if silent.is_set() else _told(error, query)
        raise Unreachable(f"query '{name}': {why}") from error
    except (psycopg.Error, UnicodeError) as error:
        raise Refused(f"query '{name}': {_told(error, query)}") from error
    if len(rows) != 1:
        raise Refused(f"query '{name}' gives {'several rows' if rows else 'no row'}, expected one")
    return _number(rows[0][0], name)


def _rows(connection: Connection, sql: str, patience: float) -> list[tuple[str | None]]:
    """Two at most, and of each the first column as text: as much as is needed, however much there is."""
    whole = f"SELECT left(q.v::text, {LONGEST}) FROM (\n{sql.strip().rstrip(';')}\n) AS q(v) LIMIT 2"
    connection.execute(f"SET LOCAL statement_timeout = {math.ceil(patience * 1000)}".encode())
    return connection.execute(whole.encode()).fetchall()


@contextmanager
def _cut_off(connection: Connection, patience: float, silent: threading.Event) -> Iterator[None]:
    """After that time the connection is dead: a server that says nothing at all keeps no statement's time-out."""
    own = socket.socket(fileno=os.dup(connection.fileno()))
    timer = threading.Timer(patience, _shut, (own, silent))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()


def _shut(connection: socket.socket, silent: threading.Event) -> None:
    silent.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _number(text: str | None, name: str) -> float | None:
    if text is not None and not _NUMBER.fullmatch(text):
        hint = "; of an interval, ask for extract(epoch FROM ...)" if ":" in text else ""
        raise Refused(f"what query '{name}' gives is no number but '{shown(text)}'{hint}")
    return None if text is None else float(text)


def _told(error: Exception, query: Query) -> str:
    """The first line of what went wrong, without the password."""
    text = next(iter(str(error).splitlines()), type(error).__name__)
    password = urlsplit(query.url).password or ""
    for secret in filter(None, (password, unquote(password))):
        text = text.replace(secret, "***")
    return shown(text)[:300]
