from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfcaf_forge.errors import StoreError
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.store import Store, runs_in

REJECTION = Rejection(stage="screen", code="import", message="import of os is not allowed")


def test_a_record_comes_back_as_it_went_in(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 3)
    with Store(tmp_path) as store:
        assert store.read("rejection", Rejection, 3) == REJECTION
        assert store.read_all("rejection", Rejection) == {3: REJECTION}
        assert store.read("rejection", Rejection, 4) is None


def test_the_same_record_twice_is_one_and_another_one_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.append("rejection", REJECTION, 3) == store.append("rejection", REJECTION, 3)
        with pytest.raises(StoreError, match="different rejection of candidate 3"):
            store.append("rejection", Rejection(stage="run", code="x", message="y"), 3)
        assert len(store.entries()) == 1


def test_a_folder_is_written_to_by_one_process_only(tmp_path: Path) -> None:
    with Store(tmp_path):
        with pytest.raises(StoreError, match="in use by another process"):
            Store(tmp_path)
        with Store(tmp_path, write=False) as reader:
            assert reader.entries() == []
    Store(tmp_path).close()


def test_looking_at_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no run"):
        Store(tmp_path, write=False)


@pytest.mark.parametrize("name", ["run #3", "what?mode=rw", "50%41", "a&b=c", "ä b"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    with Store(folder) as store:
        store.append("rejection", REJECTION, 3)
    with Store(folder, write=False) as store:
        assert store.read("rejection", Rejection, 3) == REJECTION
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_run_goes_on_with_its_own_settings_only(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.pin({"seed": 0, "rounds": 3})
        store.pin({"rounds": 3, "seed": 0})
        with pytest.raises(StoreError, match=r"seed was 0, is 1.*another --out"):
            store.pin({"seed": 1, "rounds": 3})


def test_a_changed_record_is_noticed(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
    db = sqlite3.connect(tmp_path / "run.db")
    db.execute("UPDATE blob SET body = replace(body, 'os', 'no')")
    db.commit()
    db.close()
    with Store(tmp_path) as store, pytest.raises(StoreError, match="changed after it was written"):
        store.read_all("rejection", Rejection)


def test_a_file_that_is_no_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="move the folder away"):
        Store(tmp_path)


def test_a_full_disk_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="free some space and repeat the command"):
            store.append("rejection", Rejection(stage="run", code="x", message="y" * 200_000), 1)
        store._db.execute("PRAGMA max_page_count = 100000")
        store.append("rejection", REJECTION, 2)
        assert list(store.read_all("rejection", Rejection)) == [2]


def test_files_are_replaced_whole_and_leave_nothing_behind(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write_file("report.html", b"one")
        assert store.write_file("report.html", b"two").read_bytes() == b"two"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".report")) == []


def test_runs_are_found_below_a_folder(tmp_path: Path) -> None:
    Store(tmp_path / "b").close()
    Store(tmp_path / "a").close()
    (tmp_path / "c").mkdir()
    assert [path.name for path in runs_in(tmp_path)] == ["a", "b"]


WRITER = """
import sys
from pathlib import Path
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.store import Store
store = Store(Path(sys.argv[1]))
number = len(store.entries())
while True:
    number += 1
    store.append("rejection", Rejection(stage="run", code="x", message="y" * number), number)
    print(number, flush=True)
"""


def test_a_process_that_is_killed_loses_no_record_that_it_has_reported(tmp_path: Path) -> None:
    reported = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            reported = int(line)
            if reported % 7 == 0:
                break
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        reported = int(rest[-1]) if rest else reported
        with Store(tmp_path) as store:
            known = store.read_all("rejection", Rejection)
            assert set(known) >= set(range(1, reported + 1))
            assert all(len(record.message) == number for number, record in known.items())


def test_a_database_that_is_no_run_is_left_as_it_is(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as db, db:
        db.execute("CREATE TABLE mine (note TEXT)")
    before = (tmp_path / "run.db").read_bytes()
    with pytest.raises(StoreError, match="is no run of this release's layout"):
        Store(tmp_path)
    assert (tmp_path / "run.db").read_bytes() == before


def test_a_run_of_another_layout_is_not_written_to(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as db, db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="is no run of this release's layout"):
        Store(tmp_path)


POWERLESS = """
import ctypes, sys
from pathlib import Path
from tfcaf_forge.errors import StoreError
from tfcaf_forge.store import Store
capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(*capabilities) == 0  # root, too, may now write only where the folder's mode allows it
try:
    with Store(Path(sys.argv[1]), write=False) as store:
        print([entry.candidate for entry in store.entries()])
except StoreError as fault:
    print(fault)
"""


def looked_at_where_nothing_may_be_written(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        command = [sys.executable, "-c", POWERLESS, str(folder)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    finally:
        folder.chmod(0o755)
    assert sorted(path.name for path in folder.iterdir()) == names
    return said


def test_a_closed_run_is_one_file_and_reading_it_makes_no_other(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
    with Store(tmp_path, write=False) as store:
        assert store.read("rejection", Rejection, 1) == REJECTION
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "run.db"]


def test_a_closed_run_can_be_looked_at_in_a_read_only_place(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
    assert looked_at_where_nothing_may_be_written(tmp_path) == "[1]"


def test_so_can_a_run_that_an_earlier_release_has_closed(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
    assert looked_at_where_nothing_may_be_written(tmp_path) == "[1]"


@pytest.mark.parametrize("without", ["", "run.db-shm"])
def test_of_a_run_that_was_not_closed_all_is_shown_or_it_is_said_how_to_see_it(without: str, tmp_path: Path) -> None:
    with Store(tmp_path / "live") as store:
        store.append("rejection", REJECTION, 1)
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
    if without:
        (tmp_path / "killed" / without).unlink()
    said = looked_at_where_nothing_may_be_written(tmp_path / "killed")
    assert said == "[1]" if not without else "copy the folder to where you may write" in said
    for path in (tmp_path / "killed").iterdir():
        path.chmod(0o644)
    with Store(tmp_path / "killed", write=False) as store:
        assert len(store.entries()) == 1


def test_a_run_is_closed_and_opened_again_while_another_reads_it(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
        reader = Store(tmp_path, write=False)
        assert len(reader.entries()) == 1
    assert (tmp_path / "run.db-wal").stat().st_size == 0
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 2)
        assert len(reader.entries()) == 2
    reader.close()
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "run.db"]


def test_what_a_killed_process_was_about_to_change_is_taken_back_by_whoever_looks(tmp_path: Path) -> None:
    with Store(tmp_path / "run") as store:
        for number in range(1, 50):
            store.append("rejection", Rejection(stage="run", code="x", message=f"{number}" * 900), number)
    with contextlib.closing(sqlite3.connect(tmp_path / "run" / "run.db")) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("UPDATE blob SET body = replace(body, '1', '2')")  # so much that half of it is in the file by now
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert (tmp_path / "copy" / "run.db-journal").stat().st_size > 0
    with Store(tmp_path / "copy", write=False) as store:
        assert len(store.read_all("rejection", Rejection)) == 49


REOPENER = """
import sys
from pathlib import Path
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.store import Store
number = int(sys.argv[2])
while True:
    number += 1
    with Store(Path(sys.argv[1])) as store:
        store.append("rejection", Rejection(stage="run", code="x", message="y" * number), number)
        print(number, flush=True)
"""


def test_a_process_that_is_killed_while_it_opens_and_closes_loses_no_record_either(tmp_path: Path) -> None:
    known: dict[int, Rejection] = {}
    for attempt in range(8):
        command = [sys.executable, "-c", REOPENER, str(tmp_path), str(len(known))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        reported = [int(process.stdout.readline()) for _ in range(5)][-1]
        time.sleep(0.001 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        reported = int(rest[-1]) if rest else reported
        with Store(tmp_path, write=False) as store:
            known = store.read_all("rejection", Rejection)
        assert set(known) >= set(range(1, reported + 1))
        assert all(len(record.message) == number for number, record in known.items())


@pytest.fixture
def many_pages(tmp_path: Path) -> Path:
    with Store(tmp_path / "run") as store:
        for number in range(1, 30):
            store.append("rejection", Rejection(stage="run", code="x", message=f"{number}" * 900), number)
    return tmp_path / "run"


@pytest.mark.parametrize("filler", [b"\0", b"\xa3"])
def test_whatever_page_is_damaged_reading_says_so_or_gives_what_was_written(filler: bytes, many_pages: Path) -> None:
    database = many_pages / "run.db"
    whole, said = database.read_bytes(), list[str]()
    for start in range(0, len(whole), 4096):
        database.write_bytes(whole[:start] + filler * 4096 + whole[start + 4096 :])
        for ask in (Store.entries, Store.bodies, lambda store: store.read_all("rejection", Rejection)):
            try:
                with Store(many_pages, write=False) as store:
                    ask(store)
            except StoreError as fault:
                said.append(str(fault))
    assert len(said) >= len(whole) // 4096
    assert [text for text in said if not re.search("is damaged|was changed|has layout", text)] == []


def test_a_damaged_run_is_not_written_to_with_advice_on_a_full_disk(many_pages: Path) -> None:
    database = many_pages / "run.db"
    with contextlib.closing(sqlite3.connect(database)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'journal'").fetchone()
    whole = database.read_bytes()
    database.write_bytes(whole[: 4096 * (root - 1)] + b"\xa3" * 4096 + whole[4096 * root :])
    with Store(many_pages) as store, pytest.raises(StoreError, match=r"is damaged.*move the folder away"):
        store.append("rejection", REJECTION, 99)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE journal SET at = 'noon'", "is damaged"),
        ("UPDATE journal SET at = 1e300", "is damaged"),
        ("UPDATE blob SET body = 7", "was changed"),
        ("UPDATE blob SET digest = x'a3'", "is damaged|was changed"),
    ],
)
def test_a_value_of_another_kind_is_damage(change: str, said: str, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append("rejection", REJECTION, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as db, db:
        db.execute(change)
        db.execute("UPDATE journal SET digest = (SELECT digest FROM blob)")
    with Store(tmp_path, write=False) as store, pytest.raises(StoreError, match=said):
        assert store.bodies() == store.entries()
