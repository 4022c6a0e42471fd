"""Bundle: a run as one file that anyone can check: kernel, every record, the journal's chain, reports, facts, versions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tfcaf_forge.errors import StoreError
from tfcaf_forge.pipeline.archive import BundleError, pack, read
from tfcaf_forge.pipeline.command import given_of
from tfcaf_forge.pipeline.environment import forge_version
from tfcaf_forge.pipeline.facts import Facts, facts_of, lock
from tfcaf_forge.pipeline.report import KERNEL, REPLAY, begun, measured_of, records_with
from tfcaf_forge.records.base import Plain, Record, canonical_json, digest_bytes, from_json
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.replay.dataset import DatasetInfo
from tfcaf_forge.reports.formats import FORMATS
from tfcaf_forge.reports.view import view
from tfcaf_forge.reports.waivers import FILE as WAIVERS
from tfcaf_forge.store import Entry, Store, chained, restore

FORMAT = "tfcaf-forge bundle 1"
INDEX, SIGNATURE = "bundle.json", "signature.dsse.json"
FACTS, MEASURED, JOURNAL, LOCK = "facts.json", "measured.json", "journal.json", "requirements.lock"
RECORDS, OBSERVATIONS = "records", "observations"
T = TypeVar("T")
_PARTS = {FACTS, MEASURED, JOURNAL, LOCK, KERNEL, WAIVERS, *(name for name, _ in FORMATS.values())}
_NEEDED = {FACTS, MEASURED, JOURNAL, LOCK, *(name for name, _ in FORMATS.values())}


class FileInfo(Plain, frozen=True, kw_only=True):
    """One file of a bundle."""

    size: int
    sha256: str


class Index(Record, frozen=True, kw_only=True):
    """What a bundle holds; the signature is over this.

    Attributes:
        run: the run's name.
        forge_version: of the release that wrote it.
        lines, chain: length of the journal, and the last link of its hash chain.
        dataset: digest of the replay dataset; empty if none was recorded.
        files: by name, all but the index and the signature.
    """

    format: str
    run: str
    forge_version: str
    lines: int
    chain: str
    dataset: str
    files: dict[str, FileInfo]


class Line(Plain, frozen=True, kw_only=True):
    """One line of the journal with the chain's link after it."""

    seq: int
    kind: str
    candidate: int
    digest: str
    at: float
    link: str

    @property
    def entry(self) -> Entry:
        """The line as the store has it."""
        return Entry(self.seq, self.kind, self.candidate, self.digest, self.at)


class Bundled(Plain, frozen=True, kw_only=True):
    """A bundle that was written: where, its size and SHA-256, how many files, and the journal's last link."""

    path: str
    size: int
    sha256: str
    files: int
    chain: str


def bundle(run: Path, out: Path, *, replay: bool = False) -> Bundled:
    """Write a run as one file.

    Args:
        run: the run's folder.
        out: the bundle's file; an existing one is replaced.
        replay: put the replay data in, too, and not only its digest.

    Raises:
        StoreError: there is no run, it is damaged, or `out` cannot be written.
        BundleError: the replay data was asked for and is not there.
    """
    with Store(run, write=False) as store:
        files = files_of(store)
        if replay:
            files |= _replay(run)
        sealed = seal(files, store)
    return write(out, sealed)


def files_of(store: Store) -> dict[str, bytes]:
    """Every file of a run's bundle but the index, with reports made anew."""
    folder = store.folder
    task, settings = begun(store)
    first = {
        FACTS: canonical_json(facts_of(folder, task, settings, folder / KERNEL, given_of(store))),
        MEASURED: canonical_json(measured_of(store)),
    }
    facts, measured = decoded(first, FACTS, Facts), decoded(first, MEASURED, dict[str, Any])  # as a reader finds them
    waivers = (folder / WAIVERS).read_bytes() if (folder / WAIVERS).is_file() else b""
    files = {
        **first,
        JOURNAL: journal_of(store.entries()),
        LOCK: lock(),
        **{f"{RECORDS}/{digest}.json": body for digest, body in store.bodies().items()},
        **reports_of(store, facts, measured, waivers),
        **_observations(store),
    }
    if waivers:
        files[WAIVERS] = waivers
    if store.read("ranking", dict[str, Any]) is not None and (folder / KERNEL).is_file():
        files[KERNEL] = (folder / KERNEL).read_bytes()
    return files


def reports_of(store: Store, facts: Facts, measured: Mapping[str, Any], waivers: bytes) -> dict[str, bytes]:
    """The run's report in every form, by file name."""
    data = view(records_with(store, facts, measured, waivers))
    return {name: make(data) for name, make in FORMATS.values()}


def journal_of(entries: list[Entry]) -> bytes:
    """The journal as JSON lines with their links."""
    lines = [
        Line(seq=e.seq, kind=e.kind, candidate=e.candidate, digest=e.digest, at=e.at, link=link)
        for e, link in zip(entries, chained(entries), strict=True)
    ]
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def seal(files: Mapping[str, bytes], store: Store) -> dict[str, bytes]:
    """The files with their index."""
    entries = store.entries()
    dataset = store.read("dataset", DatasetInfo)
    index = Index(
        format=FORMAT,
        run=store.folder.name,
        forge_version=forge_version(),
        lines=len(entries),
        chain=chained(entries)[-1] if entries else "",
        dataset="" if dataset is None else dataset.digest,
        files={name: FileInfo(size=len(body), sha256=digest_bytes(body)) for name, body in files.items()},
    )
    return {**files, INDEX: canonical_json(index)}


def write(path: Path, files: Mapping[str, bytes]) -> Bundled:
    """Write a bundle's file, all or nothing.

    Raises:
        StoreError: it cannot be written.
    """
    data = pack(files)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {fault.strerror}; give another --out") from None
    index = from_json(files[INDEX], Index, what=INDEX)
    return Bundled(path=str(path), size=len(data), sha256=digest_bytes(data), files=len(files), chain=index.chain)


def opened(path: Path) -> tuple[dict[str, bytes], Index]:
    """A bundle's files, each held against the index.

    Raises:
        BundleError: it is no bundle, or a file is missing, too many, or not what the index says.
    """
    files = read(path)
    index = decoded(files, INDEX, Index)
    if index.format != FORMAT:
        raise BundleError(f"{INDEX}: the format is {index.format[:80]!r}; this release reads {FORMAT!r}")
    given = set(files) - {INDEX, SIGNATURE}
    for name in sorted(set(index.files) - given):
        raise BundleError(f"{name} is missing from the bundle, although {INDEX} lists it")
    for name in sorted(given - set(index.files)):
        raise BundleError(f"{name} was added to the bundle: {INDEX} does not list it")
    for name, info in sorted(index.files.items()):
        if digest_bytes(files[name]) != info.sha256 or len(files[name]) != info.size:
            raise BundleError(f"{name} was changed after the bundle was written: its SHA-256 is not the one in {INDEX}")
    for name in sorted(given):
        if name not in _PARTS and name.split("/")[0] not in (RECORDS, REPLAY, OBSERVATIONS):
            raise BundleError(f"{name} has no place in a bundle")
    for name in sorted(_NEEDED - given):
        raise BundleError(f"{name} is missing from the bundle")
    return files, index


def decoded(files: Mapping[str, bytes], name: str, kind: type[T]) -> T:
    """A JSON file of a bundle, strictly decoded.

    Raises:
        BundleError: it is missing or is not what it should be.
    """
    if name not in files:
        raise BundleError(f"{name} is missing; this is no bundle of a run")
    found = from_json(files[name], kind, what=name, error=BundleError)
    check_canonical(files[name], name)
    return found


def check_canonical(body: bytes, what: str) -> None:
    """Refuse JSON that another reader may understand in another way: a key that stands twice, or any free choice of form.

    Raises:
        BundleError: it is not the one form in which we write it.
    """
    try:
        same = canonical_json(msgspec.json.decode(body)) == body
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as fault:
        raise BundleError(f"{what} is not valid JSON ({str(fault)[:120]})") from None
    if not same:
        raise BundleError(f"{what} is not in canonical form: a key stands in it twice, or something else wrote it")


def lines_of(files: Mapping[str, bytes]) -> list[Line]:
    """The journal's lines; errors as in `decoded`."""
    found: list[Line] = []
    for number, line in enumerate(files[JOURNAL].split(b"\n")[:-1], 1):
        what = f"{JOURNAL}, line {number}"
        found.append(from_json(line, Line, what=what, error=BundleError))
        check_canonical(line, what)
    if not files[JOURNAL].endswith(b"\n"):
        raise BundleError(f"{JOURNAL}: its last line was cut off")
    return found


def unfold(files: Mapping[str, bytes], lines: list[Line], folder: Path) -> None:
    """Write a bundle's journal, kernel and replay data into an empty folder of ours, so that it is a run again."""
    bodies = {
        name.removeprefix(f"{RECORDS}/").removesuffix(".json"): body for name, body in files.items() if name.startswith(f"{RECORDS}/")
    }  # fmt: skip
    restore(folder, [line.entry for line in lines], bodies)
    for name in (KERNEL, WAIVERS):
        if name in files:
            (folder / name).write_bytes(files[name])
    replay = {name: body for name, body in files.items() if name.startswith(f"{REPLAY}/")}
    if replay:
        (folder / REPLAY).mkdir()
    for name, body in replay.items():
        (folder / name).write_bytes(body)


def with_signature(files: Mapping[str, bytes], envelope: dict[str, Any]) -> dict[str, bytes]:
    """The bundle's files with a signature in the place of any earlier one."""
    return {**files, SIGNATURE: msgspec.json.encode(envelope, order="sorted")}


def _observations(store: Store) -> dict[str, bytes]:
    """The files that the records of observations name, as they were when they were recorded."""
    found: dict[str, bytes] = {}
    for record in store.read_all("observed", Observed).values():
        path = store.folder / OBSERVATIONS / Path(record.file).name
        body = path.read_bytes() if path.is_file() else b""
        if digest_bytes(body) != record.sha256:
            raise BundleError(f"{path} is missing or was changed since it was recorded; put it back as it was")
        found[f"{OBSERVATIONS}/{path.name}"] = body
    return found


def _replay(run: Path) -> dict[str, bytes]:
    folder = run / REPLAY
    if not folder.is_dir():
        raise BundleError(f"{folder} is not there: the run used a dataset from elsewhere; leave --replay out")
    return {f"{REPLAY}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
