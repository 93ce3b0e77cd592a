"""Users and passwords in an htpasswd file: reading, verifying, changing."""

import os
import stat
import threading
import unicodedata

import pytest

from pycarddav.auth import Identity, Login, LoginFailed, accounts, passwords
from pycarddav.auth.htpasswd import Htpasswd, HtpasswdUnreadable
from pycarddav.auth.names import UserNameRefused, check_new_name
from pycarddav.auth.passwords import PasswordRefused

# What Apache's htpasswd 2.4.62 wrote for the password "secret" with -B, -m, -2, -5, -s and -d.
HASHES = {
    "bcrypt": "$2y$04$zceMuqPzwhpDolxl3wPGsurSq1oaDMfXb098WVIWy3cU53opnRNeC",
    "apr1": "$apr1$aHVb6XU5$XT8gV9RB8KzhtKA87xG8U.",
    "sha256": "$5$wHKwHGRVFwYeYhtX$hneC.lsXPqqvzE7B2hb3kQ4fAZgFsF4Wawh7pdzQTP/",
    "sha512": "$6$d3UqG0V2i7jBPc3N$5B8ImF3H9XXffQ3Lb6StUPM7D0BDJMXNtihtKEC8KSlTy5ndTGgrr3o3pacP"
    "n61eqoLFtiovjEGTqhcAYcxTN/",
    "sha1": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "des": "WkIQbFzQbQI9.",
    "plain": "{PLAIN}secret",
}
# A hundred times "a", written by htpasswd -B, which uses 72 of them.
LONG = "$2y$04$uIR0g6p7gLqcLLlLIlo/0ufH72GVMUJZ9lXFjPcGJd72MoDHQYj0e"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "htpasswd"


@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setattr(passwords, "bcrypt_cost", lambda: 4)


def logs_in(users, user, password):
    try:
        return users.verify(Login(user, password)) == Identity(user)
    except LoginFailed:
        return False


@pytest.mark.parametrize("kind", HASHES)
def test_a_password_is_verified_and_its_hash_is_none(file, kind):
    file.write_text(f"alice:{HASHES[kind]}\n")
    users = Htpasswd(file, accept=passwords.WEAK)
    assert logs_in(users, "alice", "secret")
    assert not logs_in(users, "alice", "Secret")
    assert not logs_in(users, "alice", "")
    assert not logs_in(users, "alice", HASHES[kind])


@pytest.mark.parametrize("kind", sorted(passwords.WEAK))
def test_weak_kinds_count_only_on_request(file, kind):
    file.write_text(f"alice:{HASHES[kind]}\n")
    assert not logs_in(Htpasswd(file), "alice", "secret")


@pytest.mark.parametrize(
    "hashed",
    ["secret", "$1$x$secret", "$y$j9T$x$secret", "$2y$04$short", "{CRYPT}secret", "", "*", "!"],
)
def test_what_is_no_known_hash_never_logs_in(file, hashed):
    file.write_text(f"alice:{hashed}\n")
    users = Htpasswd(file, accept=passwords.WEAK)
    assert not logs_in(users, "alice", "secret")
    assert not logs_in(users, "alice", hashed)


def test_bcrypt_reads_72_bytes_as_apache_does(file):
    file.write_text(f"alice:{LONG}\n")
    assert logs_in(Htpasswd(file), "alice", "a" * 100)
    assert not logs_in(Htpasswd(file), "alice", "a" * 71)


def test_bad_lines_are_skipped_with_one_warning(file, caplog):
    file.write_bytes(
        b"\xef\xbb\xbf# people\r\n\r\n"
        b"no colon here\n"
        b"a/b:" + HASHES["apr1"].encode() + b"\n"
        b"\xff\xfe:" + HASHES["apr1"].encode() + b"\n"
        b"alice:" + HASHES["apr1"].encode() + b":Alice Liddell\r\n"
        b"alice:" + HASHES["bcrypt"].encode() + b"\n"
        b"bob:secret\n"
        b"carol:" + HASHES["sha1"].encode() + b"\n"
    )
    users = Htpasswd(file)
    assert logs_in(users, "alice", "secret")
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}: skipped line 3: no colon; line 4: a user name cannot contain '/';"
        " line 5: not UTF-8; line 7: a user twice; line 8: unknown hash not accepted and 1 more"
    ]


def test_a_byte_order_mark_does_not_hide_the_first_user(file):
    file.write_bytes(b"\xef\xbb\xbfalice:" + HASHES["apr1"].encode())
    assert logs_in(Htpasswd(file), "alice", "secret")


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.mkdir(), os.mkfifo])
def test_without_a_file_there_is_a_clear_error_at_the_start(file, make):
    make(file)
    with pytest.raises(HtpasswdUnreadable, match=str(file)):
        Htpasswd(file)


def test_a_change_is_seen_at_once(file):
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    before = users.generation()
    file.write_text(f"bob:{HASHES['apr1']}\n")
    assert users.generation() != before
    assert logs_in(users, "bob", "secret")
    assert not logs_in(users, "alice", "secret")


def test_a_change_within_one_tick_of_the_clock_is_seen(file, monkeypatch):
    monkeypatch.setattr("pycarddav.auth.files._identity", lambda status: ())
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    file.write_text(f"carol:{HASHES['apr1']}\n")
    assert logs_in(users, "carol", "secret")


def test_the_last_good_users_stay_while_the_file_is_away(file, caplog):
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    file.rename(file.with_suffix(".away"))
    assert logs_in(users, "alice", "secret")
    assert logs_in(users, "alice", "secret")
    assert len(caplog.records) == 1
    file.with_suffix(".away").rename(file)
    assert logs_in(users, "alice", "secret")


def test_a_file_that_is_being_written_locks_nobody_out(file):
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    file.write_text("")
    assert logs_in(users, "alice", "secret")


def test_a_file_that_was_emptied_lets_nobody_in(file, monkeypatch):
    monkeypatch.setattr("pycarddav.auth.files.SETTLED", -(10**12))  # as if long ago
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    file.write_text("")
    assert not logs_in(users, "alice", "secret")


def test_touching_the_file_forgets_no_login(file):
    file.write_text(f"alice:{HASHES['apr1']}\n")
    users = Htpasswd(file)
    before = users.generation()
    os.utime(file, (1, 1))
    assert users.generation() == before


def test_an_unknown_user_is_hashed_for_like_a_known_one(file, monkeypatch):
    file.write_text(f"alice:{HASHES['apr1']}\nbob:{HASHES['sha256']}\n")
    users = Htpasswd(file)
    verified = []
    monkeypatch.setattr(
        "pycarddav.auth.htpasswd.verify", lambda password, hashed: verified.append(hashed)
    )
    for number in range(40):
        assert not logs_in(users, f"user{number}", "secret")
        assert not logs_in(users, f"user{number}", "secret")
    assert set(verified) == {HASHES["apr1"], HASHES["sha256"]}
    assert verified[::2] == verified[1::2]  # a name takes the same time whenever it is tried


def test_a_set_password_verifies_and_other_lines_stay(file, cheap):
    others = f"# people\n\nbob:{HASHES['apr1']}:Bob\nnonsense\r\n".encode()
    file.write_bytes(others + f"alice:{HASHES['apr1']}".encode())
    accounts.set_password(file, "alice", "new")
    assert file.read_bytes().startswith(others)
    assert logs_in(Htpasswd(file), "alice", "new")
    assert not logs_in(Htpasswd(file), "alice", "secret")
    accounts.remove_user(file, "alice")
    assert file.read_bytes() == others
    assert accounts.users(file) == ["bob"]


def test_the_first_user_makes_the_file_for_its_owner_alone(file, cheap):
    accounts.add_user(file, "alice", "one")
    accounts.add_user(file, "bob@example.org", "two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert accounts.users(file) == ["alice", "bob@example.org"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_mode_and_link_of_a_file_stay(file, cheap):
    real = file.with_name("real")
    real.write_text(f"alice:{HASHES['apr1']}\n")
    real.chmod(0o640)
    file.symlink_to(real)
    accounts.set_password(file, "alice", "new")
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert logs_in(Htpasswd(file), "alice", "new")


def test_a_second_line_of_a_removed_user_does_not_come_to_life(file, cheap):
    file.write_text(f"alice:{HASHES['apr1']}\nalice:{HASHES['bcrypt']}\n")
    accounts.remove_user(file, "alice")
    assert not logs_in(Htpasswd(file), "alice", "secret")


def test_a_refused_change_changes_nothing(file, cheap):
    file.write_text(f"alice:{HASHES['apr1']}\n")
    before = file.read_bytes()
    with pytest.raises(accounts.UserExists):
        accounts.add_user(file, "alice", "new")
    with pytest.raises(accounts.UserNotFound):
        accounts.set_password(file, "bob", "new")
    with pytest.raises(accounts.UserNotFound):
        accounts.remove_user(file, "bob")
    for password in ("", "a\nb", "nul\0", "ä" * 37):
        with pytest.raises(PasswordRefused):
            accounts.set_password(file, "alice", password)
    assert file.read_bytes() == before


def test_nothing_is_made_for_a_user_that_is_not_there(file):
    with pytest.raises(HtpasswdUnreadable):
        accounts.remove_user(file, "alice")
    with pytest.raises(HtpasswdUnreadable):
        accounts.users(file)
    with pytest.raises(UserNameRefused):
        accounts.add_user(file, "a/b", "secret")
    assert not file.exists()


def test_changes_at_the_same_time_are_all_kept(file, cheap):
    names = [f"user{number}" for number in range(12)]
    threads = [
        threading.Thread(target=accounts.add_user, args=(file, name, "secret")) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(accounts.users(file)) == sorted(names)


def test_a_new_hash_takes_its_time_and_is_one_that_apache_knows():
    hashed = passwords.hash_password("secret")
    assert hashed.startswith(f"$2y${passwords.bcrypt_cost():02d}$")
    assert passwords.bcrypt_cost() in passwords.COSTS
    assert passwords.verify("secret", hashed)


@pytest.mark.parametrize(
    "name",
    ["alice", "Alice", "alice@example.org", "José", "用户", "a b", "100%", "o'neill", "x" * 255],
)
def test_a_user_can_be_called(name):
    check_new_name(name, [])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 256,
        "ä" * 128,
        ".",
        "..",
        ".web",
        "a/b",
        "a:b",
        "a\0",
        "a\nb",
        "a\x7f",
        " a",
        "a ",
        "a\u200bb",
        "a\u202eb",
        "\ud800",
        unicodedata.normalize("NFD", "José"),
        "a\u00a0b",
    ],
)
def test_a_user_cannot_be_called(name):
    with pytest.raises(UserNameRefused):
        check_new_name(name, [])


@pytest.mark.parametrize(
    ("name", "other"), [("Alice", "alice"), ("straße", "STRASSE"), ("ａlice", "alice"), ("ﬁ", "fi")]
)
def test_a_name_is_not_given_out_twice_in_different_letters(name, other):
    with pytest.raises(UserNameRefused, match=other):
        check_new_name(name, ["bob", other])
