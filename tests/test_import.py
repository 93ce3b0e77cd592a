"""Bringing cards into a book from files, as somebody does who moves in."""

import io
import os
import shlex
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from conftest import vcard
from contacts import cards, put
from test_cards import NAMES, load

ADA, BOB = vcard("ada", "Ada"), vcard("bob", "Bob")
OLD = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\n"
    b"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=B6;\r\nEND:VCARD\r\n"
)
HTML = b"<html>\n<body>Please log in</body>\n</html>\n"


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/") + ".vcf", data)


def test_every_card_of_a_file_is_added_and_the_second_time_none(bring, here, home):
    (here / "all.vcf").write_bytes(ADA + BOB + OLD)
    assert bring("all.vcf")[:2] == (0, {"added": 3, "repaired": 1})
    before = cards(home)
    assert [before["ada.vcf"], before["bob.vcf"]] == [ADA, BOB]
    assert bring("all.vcf")[:2] == (0, {"unchanged": 3})
    assert cards(home) == before


def test_of_every_card_of_the_corpus_something_is_made_or_said(bring, cli, here):
    (here / "all").mkdir()
    for name in NAMES:
        (here / "all" / f"{name}.vcf").write_bytes(load(name)[0])
    code, numbers, rows = bring("all", "--on-duplicate", "keep")
    refused = {row["where"].partition(":")[0] for row in rows if row["what"] == "refused"}
    hopeless = ["calendar", "components-100000", "empty", "lines-100000", "not-a-card"]
    assert (code, refused) == (5, {f"all/{name}.vcf" for name in [*hopeless, "version-5.0"]})
    same = numbers["added"] + numbers["unchanged"]
    again = bring("all", "--on-duplicate", "keep")[1]
    assert again == {"unchanged": same, "refused": numbers["refused"]}
    assert cli("verify")[0] == 0
    assert cli("merge", "anna/contacts", "--apply")[0] == 0
    assert cli("verify")[0] == 0


def test_a_repaired_card_says_how(bring, here, home):
    latin = ADA.replace(b"FN:Ada", b"FN:\xc4da")
    (here / "all.vcf").write_bytes(b"\r\n" + latin + OLD)
    code, _, rows = bring("all.vcf")
    assert code == 0
    assert [(row["where"], row["what"], row["note"]) for row in rows] == [
        ("all.vcf:2", "added", "line 5: this is not UTF-8"),
        ("all.vcf:7", "added", "vCard 2.1 became 3.0; it had no UID"),
    ]
    assert "FN:Äda" in cards(home)["ada.vcf"].decode()


def test_what_is_refused_is_said_and_kept_to_be_mended(cli, here, home):
    odd = vcard("odd", "Odd", version="5.0")
    (here / "all.vcf").write_bytes(ADA + b"not a line of any card\r\n" + odd)
    code, out, err = cli("import", "all.vcf", "--to", "anna/contacts")
    assert code == 5
    assert out == (
        "all.vcf:6\trefused\t\t\tthis is in no card\n"
        "all.vcf:7\trefused\t\tOdd\tvCard 5.0 is not known\n"
    )
    first, kept, _ = err.splitlines()
    assert first == "1 added, 2 refused"
    assert kept == "what was refused is in refused.vcf"
    assert (here / "refused.vcf").read_bytes() == b"not a line of any card\r\n" + odd
    assert cli("import", "all.vcf", "--to", "anna/contacts")[0] == 5
    assert (here / "refused-2.vcf").exists()
    assert list(cards(home)) == ["ada.vcf"]


NEWER = vcard("ada", "Ada Lovelace")


@pytest.mark.parametrize(
    ("rule", "numbers", "full_names"),
    [
        ("skip", {"skipped": 1}, ["Ada"]),
        ("replace", {"updated": 1}, ["Ada Lovelace"]),
        ("keep", {"added": 1, "repaired": 1}, ["Ada", "Ada Lovelace"]),
    ],
)
def test_a_card_with_a_known_uid_is_what_one_asks_for(bring, here, home, rule, numbers, full_names):
    put(home, "1.vcf", ADA, "ada")
    (here / "new.vcf").write_bytes(NEWER)
    assert bring("new.vcf", "--on-duplicate", rule)[:2] == (0, numbers)
    found = cards(home)
    assert sorted(data.split(b"FN:")[1].split(b"\r")[0].decode() for data in found.values()) == (
        full_names
    )
    again = {"skipped": 1} if rule == "skip" else {"unchanged": 1}
    assert bring("new.vcf", "--on-duplicate", rule)[:2] == (0, again)
    assert cards(home) == found


def test_of_two_cards_with_one_uid_none_is_lost_unsaid(bring, here, home):
    (here / "all.vcf").write_bytes(ADA + NEWER + ADA)
    for rule in ("skip", "replace"):
        code, _, rows = bring("all.vcf", "--on-duplicate", rule)
        assert (code, rows[0]["where"]) == (5, "all.vcf:6")
        assert rows[0]["note"] == ("all.vcf:1 has the same UID; --on-duplicate keep takes both")
    assert bring("all.vcf", "--on-duplicate", "keep")[:2] == (
        0, {"added": 1, "unchanged": 2, "repaired": 1},
    )  # fmt: skip
    assert len(cards(home)) == 2


def test_of_two_new_versions_of_a_card_only_one_is_skipped_for_the_old(bring, here, home):
    put(home, "1.vcf", ADA, "ada")
    (here / "all.vcf").write_bytes(NEWER + vcard("ada", "Ada King"))
    code, numbers, rows = bring("all.vcf")
    assert (code, numbers) == (5, {"skipped": 1, "refused": 1})
    assert rows[1]["note"].startswith("all.vcf:1 has the same UID")


def test_what_this_import_has_replaced_is_not_said_to_be_there(bring, here, home):
    put(home, "1.vcf", ADA, "ada")
    (here / "all.vcf").write_bytes(NEWER + ADA)
    code, numbers, rows = bring("all.vcf", "--on-duplicate", "replace")
    assert (code, numbers, rows[0]["where"]) == (5, {"updated": 1, "refused": 1}, "all.vcf:6")
    assert cards(home) == {"1.vcf": NEWER}


def test_folders_and_archives_keep_the_names_of_files(bring, here, home):
    inner = here / "all" / "more"
    inner.mkdir(parents=True)
    (here / "all" / "1.vcf").write_bytes(ADA)
    (inner / "2.VCF").write_bytes(BOB)
    (inner / ".hidden.vcf").write_bytes(vcard("no", "No"))
    (inner / "letter.txt").write_bytes(b"Dear")
    archive(inner / "z.zip", a__3=vcard("eve", "Eve"), b__1=vcard("joe", "Joe"))
    assert bring("all")[:2] == (0, {"added": 4})
    assert {name: data[30:33] for name, data in cards(home).items()} == {
        "1.vcf": b"ada", "2.VCF": b"bob", "3.vcf": b"eve", "joe.vcf": b"joe",
    }  # fmt: skip


def test_rows_of_a_spreadsheet_are_imported_once(bring, here, home):
    (here / "people.csv").write_bytes("Name,Handy\nÄda,1\nBob,2\n".encode("utf-16"))
    (here / "map.csv").write_text("Handy,TEL;TYPE=cell\n")
    assert bring("people.csv", "--map", "map.csv")[:2] == (0, {"added": 2})
    assert bring("people.csv", "--map", "map.csv")[:2] == (0, {"unchanged": 2})
    assert sum(b"TEL;TYPE=cell:" in data for data in cards(home).values()) == 2


def test_a_wrong_map_is_one_line(cli, here):
    (here / "map.csv").write_text("Handy,Telephone\n")
    code, _, err = cli("import", "map.csv", "--map", "map.csv", "--to", "anna/contacts")
    said = "map.csv: line 1: 'Telephone' is not of the form TEL;TYPE=cell or N.given"
    assert (code, err) == (2, f"pycarddav: error: {said}\n")


def test_a_dry_run_changes_nothing(bring, here, home):
    (here / "all.vcf").write_bytes(ADA + BOB + ADA + HTML)
    said = (5, {"added": 2, "unchanged": 1, "refused": 1})
    assert bring("all.vcf", "--dry-run")[:2] == said
    assert bring("all.vcf", "--dry-run", to="anna/new")[:2] == said
    assert (cards(home), cards(home, "new")) == ({}, None)
    assert os.listdir(here) == ["all.vcf"]


def test_a_book_that_is_not_there_is_made(cli, here, home):
    (here / "ada.vcf").write_bytes(ADA)
    code, _, err = cli("import", "ada.vcf", "--to", "anna/new")
    assert (code, err.splitlines()[0]) == (0, "anna/new is new")
    assert cards(home, "new") == {"ada.vcf": ADA}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ada.vcf", "--to", "zoe/new"], 3, "there is no user zoe"),
        (["ada.vcf", "--to", "anna"], 2, "anna is not of the form USER/BOOK"),
        (["no.vcf", "--to", "anna/new"], 3, "there is no file no.vcf"),
        (["--to", "anna/contacts"], 2, "either a FILE to import, or --undo"),
        (["ada.vcf", "--undo", "1", "--to", "anna/contacts"], 2, "either a FILE to import"),
        (["--undo", "--to", "anna/contacts"], 3, "there is no import to be taken back"),
        (["--undo", "1", "--to", "anna/contacts"], 3, "there is nothing of import 1 to be taken"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_makes_no_book(
    cli, here, home, words, code, message
):
    (here / "ada.vcf").write_bytes(ADA)
    found, out, err = cli("import", *words)
    assert (found, out) == (code, "")
    assert err.startswith(f"pycarddav: error: {message}")
    assert cards(home, "new") is None


def cut(data):
    return data[:-30]


def bomb(_):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("ada.vcf", (b"x" * 1000 + b"\n") * 30_000 + ADA)
    return data.getvalue()


def damaged(data):
    at = data.index(b"2.vcf") + 20
    return data[:at] + bytes(255 - octet for octet in data[at : at + 40]) + data[at + 40 :]


def nested(data):
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as file:
        file.writestr("inner.zip", data)
    return outer.getvalue()


@pytest.mark.parametrize(
    ("name", "spoil", "added", "problem"),
    [
        ("all.zip", cut, 0, "this is no whole archive: File is not a zip file"),
        ("all.zip", bomb, 0, "damaged from here on: it unpacks to far more than address books do"),
        ("all.zip", damaged, 1, "damaged from here on: "),
        ("all.zip", nested, 0, "archives inside archives are not looked into"),
        ("all.vcf", lambda _: HTML, 0, "there is no card in it"),
        ("all.vcf", lambda _: b"", 0, "there is no card in it"),
        ("all.vcf", lambda _: b"x" * (33 * 2**20), 0, "a card of more than 33554432 octets; what"),
    ],
    ids=["cut", "bomb", "damaged", "nested", "HTML", "empty", "endless"],
)
def test_a_file_that_is_none_is_refused_and_harms_nobody(
    bring, here, home, name, spoil, added, problem
):
    archive(here / "good.zip", **{"1": ADA, "2": BOB * 50})
    (here / name).write_bytes(spoil((here / "good.zip").read_bytes()))
    (here / "last.vcf").write_bytes(vcard("last", "Last"))
    code, numbers, rows = bring(name, "last.vcf")
    assert code == 5
    assert rows[-1]["note"].startswith(problem)
    assert numbers["added"] == added + 1
    assert "last.vcf" in cards(home)


def test_a_card_beyond_the_limit_or_the_quota_is_refused(bring, here, home, monkeypatch):
    (here / "all.vcf").write_bytes(ADA + vcard("big", "Big", "NOTE:" + "x" * 3000) + BOB)
    monkeypatch.setenv("PYCARDDAV_SERVER__MAX_BODY_SIZE", "2K")
    code, numbers, rows = bring("all.vcf")
    assert (code, numbers) == (5, {"added": 2, "refused": 1})
    assert rows[0]["note"] == "a card has at most 2048 octets"
    monkeypatch.delenv("PYCARDDAV_SERVER__MAX_BODY_SIZE")
    monkeypatch.setenv("PYCARDDAV_STORAGE__QUOTA", "3K")
    code, numbers, rows = bring("all.vcf")
    assert (code, numbers) == (5, {"unchanged": 2, "refused": 1})
    assert rows[0]["note"] == "no more octets for the contacts of this user: [storage] quota"


def test_undo_takes_back_an_import_but_not_what_was_changed_since(cli, here, home):
    put(home, "1.vcf", ADA, "ada")
    (here / "all.vcf").write_bytes(NEWER + BOB + vcard("eve", "Eve"))
    said = cli("import", "all.vcf", "--to", "anna/contacts", "--on-duplicate", "replace")[2]
    put(home, "bob.vcf", vcard("bob", "Robert"), "bob")
    code, _, err = cli(*shlex.split(said.splitlines()[-1].removeprefix("undo: pycarddav ")))
    stays, done, undo = err.splitlines()
    assert (code, stays) == (5, "pycarddav: warning: bob.vcf stays: it was changed since")
    assert done.endswith(": 1 card removed, 1 as before")
    assert cards(home) == {"1.vcf": ADA, "bob.vcf": vcard("bob", "Robert")}
    assert cli("import", "--undo", "--to", "anna/contacts")[0] == 3
    assert cli(*shlex.split(undo.removeprefix("undo: pycarddav ")))[0] == 0
    assert sorted(cards(home)) == ["1.vcf", "bob.vcf", "eve.vcf"]


def test_undo_takes_back_the_last_import_first(cli, here, home):
    for name, data in (("a.vcf", ADA), ("b.vcf", BOB)):
        (here / name).write_bytes(data)
        assert cli("import", name, "--to", "anna/contacts")[0] == 0
    assert cli("import", "--undo", "--to", "anna/contacts")[0] == 0
    assert list(cards(home)) == ["ada.vcf"]
    assert cli("import", "--undo", "--to", "anna/contacts")[0] == 0
    assert cards(home) == {}


def test_what_ctrl_c_interrupts_is_whole_reported_and_can_be_taken_back(cli, here, home):
    book = home / ".local/share/pycarddav/anna/contacts"
    command = [sys.executable, "-m", "pycarddav", "import", "-", "--to", "anna/contacts"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdin.write(b"".join(vcard(f"u{n}", "Name") for n in range(1_200)))
        running.stdin.flush()
        until = time.monotonic() + 60
        while not [*book.glob("*.vcf")]:
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(vcard("last", "Last") * 100, timeout=60)
    added, undo, interrupted = err.decode().splitlines()
    assert (running.returncode, interrupted) == (130, "interrupted: the same command goes on")
    assert int(added.split()[0]) == len(cards(home)) >= 500
    assert cli(*shlex.split(undo.partition("pycarddav ")[2]))[0] == 0
    assert cards(home) == {}
