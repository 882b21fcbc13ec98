"""The drop folder: a file is taken when it is whole, imported once whatever dies, and put away with a report."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from patients.access import everywhere
from patients.models import Inbound, InboundItem, Patient, Result
from tests.commands.running import HEADER, alt, lab, started, until
from workflow.management import dropfolder
from workflow.management.dropfolder import DropFolder
from workflow.services import imports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def patient() -> Patient:
    return lab()[1]


def once(folder: Path, *more: str) -> tuple[int, str]:
    """One look at the folder: exit code and what was said."""
    said = io.StringIO()
    try:
        call_command("watch_labs", str(folder), "--source", "lab", "--once", "--settle", "0.2", *more,
                     stdout=io.StringIO(), stderr=said)  # fmt: skip
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def drop(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]))
    return path


def counted() -> tuple[int, int]:
    with everywhere(by="t"):
        return Inbound.objects.count(), Result.objects.count()


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.is_file()}


def report(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_file_is_imported_and_put_away_with_its_report(patient: Patient, tmp_path: Path) -> None:
    drop(tmp_path, "a.csv", alt(patient, 1), alt(patient, 2))
    (tmp_path / "b.hl7").write_bytes(b"")
    code, said = once(tmp_path)
    assert code == 2
    assert "b.hl7 is empty" in said
    assert names(tmp_path / "done") == {"a.csv", "a.csv.json"}
    assert names(tmp_path / "failed") == {"b.hl7", "b.hl7.json"}
    told = report(tmp_path / "done" / "a.csv.json")
    assert (told["received"], told["result"], told["file"]) == (2, 2, "a.csv")
    assert report(tmp_path / "failed" / "b.hl7.json")["reasons"] == {"unreadable": 1}
    assert not names(tmp_path)
    assert list((tmp_path / "working").iterdir()) == [tmp_path / "working" / ".lock"]


def test_the_same_bytes_again_are_duplicates_under_another_name(patient: Patient, tmp_path: Path) -> None:
    for _ in range(2):
        drop(tmp_path, "a.csv", alt(patient, 1))
        assert once(tmp_path)[0] == 0
    assert len(names(tmp_path / "done")) == 4
    told = [report(p) for p in (tmp_path / "done").glob("*.json")]
    assert sorted((t["result"], t["duplicate"]) for t in told) == [(0, 1), (1, 0)]
    assert counted() == (2, 1)


def test_growing_hidden_and_unfinished_names_are_left_alone(patient: Patient, tmp_path: Path) -> None:
    for name in (".a.csv", "b.csv.part", "c.TMP"):
        drop(tmp_path, name, alt(patient, 1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / ".a.csv")
    growing = drop(tmp_path, "grows.csv", alt(patient, 1))
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.05):
            with growing.open("a") as file:
                file.write("\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert once(tmp_path)[0] == 0
    stop.set()
    writer.join()
    assert names(tmp_path) == {".a.csv", "b.csv.part", "c.TMP", "link.csv", "grows.csv"}
    assert counted() == (0, 0)
    assert once(tmp_path)[0] == 0
    assert names(tmp_path / "done") == {"grows.csv", "grows.csv.json"}


def test_a_file_written_to_while_it_is_read_is_read_again(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, "a.csv", alt(patient, 1))
    run = imports.run

    def late(**told: Any) -> Any:
        monkeypatch.setattr(imports, "run", run)
        with next((tmp_path / "working").glob("*/a.csv")).open("a") as file:
            file.write("\n" + alt(patient, 2))
        return run(**told)

    monkeypatch.setattr(imports, "run", late)
    assert "read again" in once(tmp_path)[1]
    assert once(tmp_path)[0] == 0
    assert counted() == (2, 2)
    assert names(tmp_path / "done") == {"a.csv", "a.csv.json"}


def test_names_that_are_odd_long_or_no_text(patient: Patient, tmp_path: Path) -> None:
    odd = ["x" * 250 + ".csv", "a.csv.json", "a.csv", "new\nline.csv", "ünï 1.csv", "no-ending"]
    for number, name in enumerate(odd):
        drop(tmp_path, name, alt(patient, number))
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.csv"
    Path(os.fsdecode(raw)).write_text("\n".join([HEADER, alt(patient, 50)]))
    assert once(tmp_path)[0] == 0
    assert counted() == (7, 7)
    assert len(names(tmp_path / "done")) == 14


def test_a_file_beyond_512_mb_is_not_read(patient: Patient, tmp_path: Path) -> None:
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(512 * 1024 * 1024 + 1)
    code, said = once(tmp_path)
    assert (code, counted()) == (2, (0, 0))
    assert "huge.csv is larger than 512 MB" in said
    assert report(tmp_path / "failed" / "huge.csv.json")["reasons"] == {"too-large": 1}


class Killed(BaseException):
    """Stands for the end of the process at this very line."""


def killed(*_: Any, **__: Any) -> Any:
    raise Killed


def after(what: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*told: Any, **named: Any) -> Any:
        what(*told, **named)
        raise Killed

    return inner


POINTS: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "claimed": (imports, "keep", lambda _: killed),
    "kept": (imports, "keep", after),
    "some items done": (imports._Run, "_finish", lambda _: killed),
    "all done": (imports, "run", after),
    "report written": (Path, "replace", after),
    "moved": (dropfolder, "_away", lambda _: killed),
    "folder made": (
        Path,
        "mkdir",
        lambda real: lambda p, **o: after(real)(p, **o) if not o else real(p, **o),
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_ends_anywhere_is_continued(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    where, name, how = POINTS[point]
    drop(tmp_path, "a.csv", *(alt(patient, n) for n in range(3)))
    with monkeypatch.context() as patched:
        patched.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Killed):
            once(tmp_path)
    assert once(tmp_path)[0] == 0
    assert names(tmp_path / "done") == {"a.csv", "a.csv.json"}
    assert not names(tmp_path)
    assert list((tmp_path / "working").iterdir()) == [tmp_path / "working" / ".lock"]
    assert counted() == (1, 3)
    with everywhere(by="t"):
        assert set(InboundItem.objects.values_list("disposition", flat=True)) == {"result"}
        assert Inbound.objects.get().state == "done"


def test_kill_9_at_any_moment_neither_loses_nor_doubles(patient: Patient, tmp_path: Path) -> None:
    chance = random.Random(7)
    for number in range(24):
        drop(tmp_path, f"{number}.csv", *(alt(patient, 3 * number + n) for n in range(3)))
    for _ in range(4):
        process = started("watch_labs", tmp_path, "--source", "lab", "--interval", "0.1", "--settle", "0.1")
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(chance.random() * 0.3)
        process.kill()
        process.wait()
    assert until(lambda: once(tmp_path)[0] == 0)
    assert len(names(tmp_path / "done")) == 48
    assert not names(tmp_path)
    assert not names(tmp_path / "failed")
    assert counted() == (24, 72)
    with everywhere(by="t"):
        assert set(Inbound.objects.values_list("state", flat=True)) == {"done"}


def test_sigterm_finishes_the_file_and_ends(patient: Patient, tmp_path: Path) -> None:
    for number in range(30):
        drop(tmp_path, f"{number:02}.csv", *(alt(patient, number * 5 + n) for n in range(5)))
    process = started("watch_labs", tmp_path, "--source", "lab", "--interval", "0.1", "--settle", "0.1")
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    done = len(names(tmp_path / "done")) // 2
    assert 1 <= done < 30
    assert len(out.splitlines()) == done
    assert len(names(tmp_path)) == 30 - done
    assert counted()[0] == done


def test_only_one_process_watches_a_folder(patient: Patient, tmp_path: Path) -> None:
    with DropFolder(tmp_path, 1).alone(), pytest.raises(CommandError, match="Another"):
        once(tmp_path)


def test_a_file_waits_while_the_database_is_away(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, "a.csv", alt(patient, 1))

    def away(**_: Any) -> Any:
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(imports, "run", away)
        code, said = once(tmp_path)
    assert code == 1
    assert "a.csv" in said
    assert "database" in said
    assert not names(tmp_path / "done") | names(tmp_path / "failed")
    assert once(tmp_path)[0] == 0
    assert counted() == (1, 1)


def test_a_fault_of_ours_names_no_patient_and_stops_nobody(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, "a.csv", alt(patient, 1))

    def broken(**_: Any) -> Any:
        raise ValueError(patient.family_name)

    monkeypatch.setattr(imports, "run", broken)
    code, said = once(tmp_path)
    assert code == 2
    assert patient.family_name not in said
    assert report(tmp_path / "failed" / "a.csv.json")["error"] == "could not be imported: ValueError"


@pytest.mark.parametrize("folder", ["none", "."])
def test_unknown_folder_or_source_is_an_error(patient: Patient, tmp_path: Path, folder: str) -> None:
    source = "nobody" if folder == "." else "lab"
    with pytest.raises(CommandError, match="There is no"):
        call_command("watch_labs", str(tmp_path / folder), "--source", source, "--once")
