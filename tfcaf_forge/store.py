"""The run's folder: a journal in SQLite that only grows, with every record on disk the moment it exists.

`run.db` holds one row a record, keyed by kind and candidate, and the records' bytes by their digest. It is written
in WAL mode and synced with every record, so a process that is killed at any moment leaves every finished record
whole and none twice. The folder is locked while a run writes to it. Closing leaves one file in rollback mode, which can
be read where nothing may be written, and reading it makes no other. This module is its only reader and writer.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar

import msgspec

from tfcaf_forge.errors import StoreError
from tfcaf_forge.folders import FolderLock
from tfcaf_forge.records.base import canonical_json, digest_bytes, digest_of, from_json

R = TypeVar("R")

DATABASE = "run.db"
RUN = 0
"""The candidate number of records that belong to the run as a whole."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS blob (digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    candidate INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES blob (digest),
    at REAL NOT NULL,
    UNIQUE (kind, candidate)
);
"""


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal.

    Attributes:
        seq: 1, 2, 3, … in the order of writing.
        kind: what it records, such as `proposal`.
        candidate: the candidate's id; `RUN` for the run as a whole.
        digest: SHA-256 of the record's bytes.
        at: seconds since the epoch.
    """

    seq: int
    kind: str
    candidate: int
    digest: str
    at: float


_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged database raises; the second where SQLite's own message quotes the damage."""
_LAST_SECOND = 253402300799
"""Of the year 9999."""
_Row = tuple[int, str, int, str, Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]]


class Store:
    """An open run folder.

    Args:
        folder: created if it does not exist.
        write: take the lock; False to look only.

    Raises:
        StoreError: another process writes to it, it is damaged, or there is no run to look at.
    """

    def __init__(self, folder: Path, *, write: bool = True) -> None:
        """Open, and lock where it is to be written to."""
        self.folder = folder
        self._lock: FolderLock | None = None
        database = folder / DATABASE
        if not write and not database.is_file():
            raise StoreError(f"there is no run in {folder}; `forge synthesize --out {folder}` makes one")
        if write:
            self._lock = FolderLock(folder)
        try:
            self._db = self._open(database, write)
        except _FAULTS as fault:
            self._release()
            raise _explained(database, fault) from None

    def append(self, kind: str, record: object, candidate: int = RUN) -> str:
        """Write a record down; on return it is on the disk.

        Args:
            kind: what it is.
            record: a record, or plain data.
            candidate: whose it is.

        Returns:
            The digest of its bytes.

        Raises:
            StoreError: a different record of this kind and candidate exists, or the disk is full.
        """
        body = canonical_json(record)
        digest = digest_bytes(body)
        known = self._digest(kind, candidate)
        if known == digest:
            return digest
        if known is not None:
            raise StoreError(f"{self.folder}: a different {kind} of candidate {candidate} is already recorded")
        try:
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (digest, body))
                self._db.execute(
                    "INSERT INTO journal (kind, candidate, digest, at) VALUES (?, ?, ?, ?)",
                    (kind, candidate, digest, time.time()),
                )
        except sqlite3.Error as fault:
            if _kind(fault) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise _damaged(self.folder / DATABASE, fault) from None
            raise StoreError(
                f"{self.folder}: cannot write ({fault}); free some space and repeat the command: it resumes"
            ) from None
        return digest

    def read(self, kind: str, record: type[R], candidate: int = RUN) -> R | None:
        """The record of a kind and candidate, if there is one.

        Raises:
            StoreError: it was changed since it was written, or the journal is damaged.
        """
        return self.read_all(kind, record).get(candidate)

    def read_all(self, kind: str, record: type[R]) -> dict[int, R]:
        """Every record of a kind, by candidate, in the order of writing; errors as in `read`."""
        rows = self._rows(
            "SELECT candidate, journal.digest, body FROM journal JOIN blob USING (digest) WHERE kind = ? ORDER BY seq",
            kind,
        )
        return {candidate: self._decode(body, digest, record) for candidate, digest, body in rows}

    def entries(self) -> list[Entry]:
        """The journal, in the order of writing.

        Raises:
            StoreError: it is damaged.
        """
        rows = self._rows("SELECT seq, kind, candidate, digest, at FROM journal ORDER BY seq")
        try:
            return [Entry(*row) for row in msgspec.convert(rows, list[_Row])]
        except msgspec.ValidationError as fault:
            raise _damaged(self.folder / DATABASE, fault) from None

    def bodies(self) -> dict[str, bytes]:
        """The bytes of every record that the journal names, by digest.

        Raises:
            StoreError: one was changed since it was written, or the journal is damaged.
        """
        rows = self._rows("SELECT DISTINCT digest, body FROM journal JOIN blob USING (digest)")
        return {digest: self._body(stored, digest) for digest, stored in rows}

    def pin(self, settings: Mapping[str, Any]) -> None:
        """Write the run's settings down, or hold them against those it was begun with.

        Raises:
            StoreError: they differ; says in what.
        """
        known: dict[str, Any] | None = self.read("settings", dict[str, Any])
        if known is None:
            self.append("settings", dict(settings))
            return
        now: dict[str, Any] = msgspec.json.decode(canonical_json(dict(settings)))
        differing = [
            f"{key} was {known.get(key)!r}, is {now.get(key)!r}"
            for key in sorted({*known, *now})
            if known.get(key) != now.get(key)
        ]
        if differing:
            raise StoreError(
                f"{self.folder} holds a run with other settings ({'; '.join(differing)}); give another --out"
            )

    def write_file(self, name: str, data: bytes) -> Path:
        """Write a file of the run's folder, all or nothing; an existing one is replaced."""
        path = self.folder / name
        temporary = path.with_name(f".{name}.{os.getpid()}")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as fault:
            temporary.unlink(missing_ok=True)
            raise StoreError(
                f"cannot write {path}: {fault.strerror}; free some space and repeat the command: it resumes"
            ) from None
        return path

    def close(self) -> None:
        """Close the journal and let go of the lock."""
        if self._lock is not None:
            _settle(self._db)
        self._db.close()
        self._release()

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _open(self, database: Path, write: bool) -> sqlite3.Connection:
        if not write:
            db = _reader(database)
        else:
            db = sqlite3.connect(database)
            self._refuse_foreign(db, database)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            raise StoreError(f"{database} has layout {version}, this release reads {_VERSION}")
        return db

    def _refuse_foreign(self, db: sqlite3.Connection, database: Path) -> None:
        """Leave alone what is no run, or one of another layout: opening to write would make it one of ours."""
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version not in (0, _VERSION) or (version == 0 and tables):
            db.close()
            self._release()
            raise StoreError(
                f"{database} is no run of this release's layout ({_VERSION}); it was left as it is, give another folder"
            )

    def _digest(self, kind: str, candidate: int) -> str | None:
        rows = self._rows("SELECT digest FROM journal WHERE kind = ? AND candidate = ?", kind, candidate)
        return rows[0][0] if rows else None

    def _rows(self, question: str, *values: str | int) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(question, values).fetchall()
        except sqlite3.ProgrammingError:  # ours, such as a store that is closed
            raise
        except _FAULTS as fault:
            raise _explained(self.folder / DATABASE, fault) from None

    def _decode(self, stored: object, digest: str, record: type[R]) -> R:
        return from_json(self._body(stored, digest), record, what=f"{self.folder / DATABASE}")

    def _body(self, stored: object, digest: str) -> bytes:
        """A record's bytes, held against their digest; SQLite keeps whatever type an editor wrote."""
        body = stored.encode() if isinstance(stored, str) else stored
        if not isinstance(body, bytes) or digest_bytes(body) != digest:
            raise StoreError(f"{self.folder}: a record was changed after it was written ({str(digest)[:12]}…)")
        return body

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _reader(database: Path) -> sqlite3.Connection:
    """A connection to look only; a run that was closed is read in a read-only place, too."""
    uri = database.resolve().as_uri()
    try:
        return _answering(f"{uri}?mode=ro")
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:  # a writer was killed while it opened or closed
            _answering(f"{uri}?mode=rw").close()
            return _answering(f"{uri}?mode=ro")
        if os.access(database.parent, os.W_OK) or _unsettled(database):
            raise
    return _answering(f"{uri}?mode=ro&immutable=1")


def _answering(uri: str) -> sqlite3.Connection:
    """A connection that has answered a question: only then SQLite has looked for what belongs to the file."""
    db = sqlite3.connect(uri, uri=True)
    try:
        db.execute("PRAGMA user_version").fetchone()
    except _FAULTS:
        db.close()
        raise
    return db


def _unsettled(database: Path) -> bool:
    """Whether there are records that are not in the file itself yet, or what is to be taken back out of it."""
    beside = (database.with_name(database.name + ending) for ending in ("-wal", "-journal"))
    return any(path.exists() and path.stat().st_size for path in beside)


def _settle(db: sqlite3.Connection) -> None:
    """Bring everything into the one file; while another process reads from it, what is beside it stays, but empty."""
    with contextlib.suppress(sqlite3.Error):
        db.execute("PRAGMA busy_timeout = 1000")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA journal_mode = DELETE").fetchall()


def _explained(database: Path, fault: Exception) -> StoreError:
    """What SQLite complains of, and what to do about it."""
    kind = _kind(fault)
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
        return StoreError(
            f"{database} cannot be read where it is ({fault}); copy the folder to where you may write, and look at the copy"
        )
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"{database} is in use by another process ({fault}); try again in a moment")
    return _damaged(database, fault)


def _kind(fault: Exception) -> int:
    """SQLite's primary code; some faults that Python itself finds have none."""
    return getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _damaged(database: Path, fault: Exception) -> StoreError:
    return StoreError(f"{database} is damaged ({fault}); move the folder away and start anew")


def runs_in(folder: Path) -> Iterator[Path]:
    """The run folders directly below a folder, by name."""
    if folder.is_dir():
        yield from sorted(path.parent for path in folder.glob(f"*/{DATABASE}"))


def chained(entries: Iterable[Entry]) -> list[str]:
    """The journal's hash chain: for every line the SHA-256 over the line before's and all that the line says.

    A line that is removed, put elsewhere or edited changes its own link and every one after it, so the last link stands for
    the whole journal. It is computed, not stored: whoever can edit the journal could edit a stored chain too. What
    holds it is a copy of the last link elsewhere, such as in a signed bundle.
    """
    links: list[str] = []
    for entry in entries:
        before = links[-1] if links else ""
        links.append(digest_of((before, entry.seq, entry.kind, entry.candidate, entry.digest, entry.at)))
    return links


def restore(folder: Path, entries: Iterable[Entry], bodies: Mapping[str, bytes]) -> None:
    """Write a journal into an empty folder as another one was, times included.

    Args:
        folder: where to.
        entries: the journal's lines.
        bodies: the records' bytes by digest, at least those that the lines name.

    Raises:
        StoreError: the lines contradict each other.
    """
    with Store(folder) as store, contextlib.closing(sqlite3.connect(folder / DATABASE)) as db, db:
        try:
            for e in entries:
                db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (e.digest, bodies[e.digest]))
                db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (e.seq, e.kind, e.candidate, e.digest, e.at))
        except (sqlite3.Error, KeyError) as fault:
            raise StoreError(f"{store.folder}: the journal's lines contradict each other: {fault}") from None
