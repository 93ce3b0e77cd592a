"""What every engine promises, in the words of pycarddav/store/__init__.py."""

from dataclasses import replace

import pytest

from pycarddav.dav.errors import InvalidSyncToken, NotFound, PreconditionFailed, UidConflict
from pycarddav.dav.headers import ANYTHING, Condition
from pycarddav.dav.xml import XML
from pycarddav.model import AddressBook, Author, Home, Lock
from pycarddav.store import etag

ME = Author("alice", "pytest")
NEW = Condition(if_none_match="*")


@pytest.fixture
def store(empty_store):
    return empty_store


@pytest.fixture
def book(store):
    store.save_book(AddressBook("alice", "friends", displayname="Friends"))
    return store.book("alice", "friends")


@pytest.fixture
def put(store, book):
    def put(name, text="", uid=None, condition=ANYTHING):
        uid = uid or name
        return store.put(book, name, card(uid, text), uid, condition, ME)

    return put


def card(uid, text=""):
    return f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:{text or uid}\r\nEND:VCARD\r\n".encode()


def contents(store, book):
    return {card.name: card.data for card in store.cards(book)}


def facts(entry):
    return entry.name, entry.etag, entry.size


# Homes and books


def test_what_was_never_made_is_not_there(store):
    assert store.owners() == []
    assert store.home("alice") is None
    assert store.books("alice") == []
    assert store.book("alice", "friends") is None


def test_a_home_keeps_its_properties(store):
    home = Home("alice", "Alice's", (("{urn:x}y", XML("<y xmlns='urn:x'>&lt;</y>")),))
    store.save_home(home)
    assert store.home("alice") == home
    assert store.owners() == ["alice"]
    store.save_home(Home("alice"))
    assert store.home("alice") == Home("alice")


def test_a_book_makes_its_home(store, book):
    assert store.owners() == ["alice"]
    assert store.home("alice") == Home("alice")


def test_a_book_keeps_its_properties_and_its_cards_through_a_change(store, book, put):
    put("ada.vcf")
    dead = (("{urn:x}y", XML("<y xmlns='urn:x'>é&lt;</y>")),)
    store.save_book(AddressBook("alice", "friends", "ignored", "Fréunde", "All", dead))
    found = store.book("alice", "friends")
    assert (found.displayname, found.description, found.dead) == ("Fréunde", "All", dead)
    assert list(contents(store, found)) == ["ada.vcf"]


def test_books_come_in_the_order_they_were_made(store):
    for name in ["work", "friends", "alpha"]:
        store.save_book(AddressBook("alice", name))
    store.save_book(AddressBook("alice", "work", displayname="changed"))
    assert [book.name for book in store.books("alice")] == ["work", "friends", "alpha"]


def test_the_books_of_others_are_not_among_ones_own(store):
    store.save_book(AddressBook("alice", "a"))
    store.save_book(AddressBook("bob", "b"))
    assert [book.name for book in store.books("bob")] == ["b"]
    assert store.owners() == ["alice", "bob"]


def test_a_deleted_book_is_gone_and_a_new_one_of_its_name_is_another(store, book, put):
    put("ada.vcf")
    old = store.book("alice", "friends")
    store.delete_book(old, ME)
    assert store.book("alice", "friends") is None
    with pytest.raises(NotFound):
        list(store.entries(old))
    with pytest.raises(NotFound):
        store.put(old, "b.vcf", card("b"), "b", ANYTHING, ME)
    store.save_book(AddressBook("alice", "friends"))
    new = store.book("alice", "friends")
    assert contents(store, new) == {}
    with pytest.raises(InvalidSyncToken):
        store.changes(new, old.token)


# Cards


def test_the_bytes_come_back_as_they_went_in(store, book, put):
    data = b"begin:vcard\nVERSION:3.0\nUID:x\nfn:\xc3\xa9  \nEND:VCARD\n\n"
    entry, created = store.put(book, "x.vcf", data, "x", NEW, ME)
    (found,) = store.cards(book)
    (listed,) = store.entries(book)
    assert created
    assert found.data == data
    assert facts(entry) == facts(found) == facts(listed) == ("x.vcf", etag(data), len(data))
    assert entry.modified == found.modified == listed.modified


def test_listings_are_in_the_order_of_names(store, book, put):
    names = ["b.vcf", "a.vcf", "é.vcf", "Z.vcf", "10.vcf"]
    for name in names:
        put(name)
    book = store.book("alice", "friends")
    assert [entry.name for entry in store.entries(book)] == sorted(names)
    assert [card.name for card in store.cards(book)] == sorted(names)


def test_names_choose_what_exists_in_the_order_asked(store, book, put):
    put("a.vcf")
    put("b.vcf")
    book = store.book("alice", "friends")
    wanted = ["b.vcf", "none.vcf", "a.vcf"]
    assert [entry.name for entry in store.entries(book, wanted)] == ["b.vcf", "a.vcf"]
    assert [card.name for card in store.cards(book, wanted)] == ["b.vcf", "a.vcf"]


NAMES = [
    "plain.vcf",
    "no ending",
    "UPPER.VCF",
    "ümläut.vcf",
    "u\u0308.vcf",
    "😀.vcf",
    "a b+c%20&'\"<>.vcf",
    "new\nline\ttab.vcf",
    '"quoted".vcf',
    "back\\slash.vcf",
    "trailing. ",
    "x.tmp",
    "x.vcf~",
    "x.sync-conflict-20260101-101010-ABCDEFG.vcf",
    "x.noext.vcf",
    "x.vcf.noext.vcf",
    "-",
    "lock",
]


def test_any_name_that_a_url_can_have_is_kept_apart(store, book, put):
    for name in NAMES:
        put(name)
    book = store.book("alice", "friends")
    assert contents(store, book) == {name: card(name) for name in NAMES}
    assert {*store.changes(book, None).changed} == {*NAMES}


def test_a_put_says_whether_it_created(put):
    assert put("a.vcf", "one")[1] is True
    assert put("a.vcf", "two")[1] is False


@pytest.mark.parametrize(
    ("condition", "exists", "allowed"),
    [
        (Condition(if_match=etag(card("a.vcf", "one"))), True, True),
        (Condition(if_match='"stale"'), True, False),
        (Condition(if_match='"stale"'), False, False),
        (Condition(if_match="*"), True, True),
        (Condition(if_match="*"), False, False),
        (NEW, True, False),
        (NEW, False, True),
    ],
)
def test_a_put_happens_only_if_its_condition_holds(store, book, put, condition, exists, allowed):
    if exists:
        put("a.vcf", "one")
    before = contents(store, book)
    if allowed:
        put("a.vcf", "two", condition=condition)
        assert contents(store, store.book("alice", "friends")) == {"a.vcf": card("a.vcf", "two")}
    else:
        with pytest.raises(PreconditionFailed) as refused:
            put("a.vcf", "two", condition=condition)
        assert refused.value.etag == (etag(card("a.vcf", "one")) if exists else None)
        assert contents(store, store.book("alice", "friends")) == before


def test_a_card_keeps_its_uid(store, book, put):
    put("a.vcf", "one", uid="1")
    with pytest.raises(UidConflict) as refused:
        put("a.vcf", "two", uid="2")
    assert refused.value.path == "/alice/friends/a.vcf"
    put("a.vcf", "two", uid="urn:uuid:1")
    assert contents(store, book) == {"a.vcf": card("urn:uuid:1", "two")}


def test_a_uid_belongs_to_one_card_of_a_book(store, book, put):
    put("a.vcf", uid="1")
    with pytest.raises(UidConflict) as refused:
        put("b c.vcf", uid="1")
    assert refused.value.path == "/alice/friends/a.vcf"
    store.save_book(AddressBook("alice", "work"))
    store.put(store.book("alice", "work"), "b.vcf", card("1"), "1", ANYTHING, ME)


def test_a_uid_is_free_when_its_card_is_gone(store, book, put):
    entry, _ = put("a.vcf", uid="1")
    store.delete(entry, ANYTHING, ME)
    put("b.vcf", uid="1")


def test_a_delete_happens_only_if_its_condition_holds(store, book, put):
    entry, _ = put("a.vcf")
    with pytest.raises(PreconditionFailed) as refused:
        store.delete(entry, Condition(if_match='"stale"'), ME)
    assert refused.value.etag == entry.etag
    assert contents(store, book) == {"a.vcf": card("a.vcf")}
    store.delete(entry, Condition(if_match=entry.etag), ME)
    assert contents(store, store.book("alice", "friends")) == {}
    with pytest.raises(NotFound):
        store.delete(entry, ANYTHING, ME)


# Properties of cards, and what moves

DEAD = (("{urn:x}y", XML("<y xmlns='urn:x'>&lt;é</y>")),)


@pytest.fixture
def work(store, book):
    store.save_book(AddressBook("alice", "work"))
    return store.book("alice", "work")


def dead(store, book):
    return {entry.name: entry.dead for entry in store.entries(book)}


def again(store, book):
    return store.book(book.owner, book.name)


def test_a_card_keeps_its_properties_through_a_put_and_not_through_a_delete(store, book, put):
    entry, _ = put("a.vcf")
    put("b.vcf")
    before = again(store, book)
    store.save_entry(replace(entry, dead=DEAD))
    assert dead(store, book) == {"a.vcf": DEAD, "b.vcf": ()}
    assert (again(store, book).revision, again(store, book).token) != (
        before.revision,
        before.token,
    )
    assert put("a.vcf", "two")[0].dead == DEAD
    assert [card.dead for card in store.cards(book, ["a.vcf"])] == [DEAD]
    store.save_book(replace(book, displayname="Other"))
    assert dead(store, book) == {"a.vcf": DEAD, "b.vcf": ()}
    store.delete(entry, ANYTHING, ME)
    put("a.vcf")
    assert dead(store, again(store, book)) == {"a.vcf": (), "b.vcf": ()}


def test_properties_can_be_taken_from_a_card(store, book, put):
    entry, _ = put("a.vcf")
    store.save_entry(replace(entry, dead=DEAD))
    store.save_entry(entry)
    assert dead(store, book) == {"a.vcf": ()}


def test_a_card_that_is_gone_has_no_properties(store, book, put):
    entry, _ = put("a.vcf")
    store.delete(entry, ANYTHING, ME)
    with pytest.raises(NotFound):
        store.save_entry(replace(entry, dead=DEAD))


def test_a_book_knows_the_size_of_its_cards(store, book, put):
    sizes = [put("a.vcf")[0].size, put("b.vcf", "longer")[0].size]
    assert again(store, book).size == sum(sizes)
    entry, _ = put("a.vcf", "much longer")
    assert again(store, book).size == entry.size + sizes[1]
    store.delete(entry, ANYTHING, ME)
    assert again(store, book).size == sizes[1]


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_card_moves_with_everything(store, book, work, put, elsewhere, replacing):
    target = work if elsewhere else book
    entry, _ = put("a.vcf", uid="1")
    store.save_entry(replace(entry, dead=DEAD))
    if replacing and elsewhere:
        store.put(target, "b.vcf", card("1", "old"), "1", ANYTHING, ME)
    elif replacing:
        store.put(target, "b.vcf", card("1", "old"), None, ANYTHING, ME)
    since, there = again(store, book).token, again(store, target).token
    moved, created = store.move(entry, target, "b.vcf", ANYTHING, ANYTHING, ME)
    book, target = again(store, book), again(store, target)
    assert created is not replacing
    assert (facts(moved)[0], facts(moved)[1:], moved.dead) == ("b.vcf", facts(entry)[1:], DEAD)
    assert moved.modified == entry.modified
    assert contents(store, target) == {"b.vcf": card("1")}
    assert dead(store, target) == {"b.vcf": DEAD}
    assert store.changes(book, since).removed == ("a.vcf",)
    assert store.changes(target, there).changed == ("b.vcf",)
    assert target.size == entry.size


@pytest.mark.parametrize(
    ("condition", "there", "allowed"),
    [
        (ANYTHING, NEW, False),
        (ANYTHING, Condition(if_match='"stale"'), False),
        (Condition(if_match='"stale"'), ANYTHING, False),
        (Condition(if_match="*"), Condition(if_match="*"), True),
    ],
)
def test_a_move_happens_only_if_both_conditions_hold(
    store, book, work, put, condition, there, allowed
):
    entry, _ = put("a.vcf", uid="1")
    store.put(work, "b.vcf", card("1", "old"), "1", ANYTHING, ME)
    if allowed:
        store.move(entry, work, "b.vcf", condition, there, ME)
        assert contents(store, again(store, work)) == {"b.vcf": card("1")}
        return
    with pytest.raises(PreconditionFailed) as refused:
        store.move(entry, work, "b.vcf", condition, there, ME)
    assert refused.value.etag
    assert contents(store, again(store, work)) == {"b.vcf": card("1", "old")}
    assert contents(store, again(store, book)) == {"a.vcf": card("1")}


@pytest.mark.parametrize("name", ["b.vcf", "c.vcf"])
def test_a_move_brings_no_second_card_of_a_uid(store, book, work, put, name):
    """Nor does it replace one card by another (RFC 6352 §6.3.2.1)."""
    entry, _ = put("a.vcf", uid="1")
    store.put(work, "b.vcf", card("2"), "2", ANYTHING, ME)
    store.put(work, "c d.vcf", card("1"), "1", ANYTHING, ME)
    with pytest.raises(UidConflict) as refused:
        store.move(entry, work, name, ANYTHING, ANYTHING, ME)
    taken = "b.vcf" if name == "b.vcf" else "c%20d.vcf"
    assert refused.value.path == f"/alice/work/{taken}"
    assert contents(store, again(store, book)) == {"a.vcf": card("1")}


def test_what_is_gone_does_not_move(store, book, work, put):
    entry, _ = put("a.vcf")
    store.delete(entry, ANYTHING, ME)
    with pytest.raises(NotFound):
        store.move(entry, work, "b.vcf", ANYTHING, ANYTHING, ME)
    put("a.vcf")
    store.delete_book(work, ME)
    with pytest.raises(NotFound):
        store.move(entry, work, "b.vcf", ANYTHING, ANYTHING, ME)
    assert contents(store, again(store, book)) == {"a.vcf": card("a.vcf")}


@pytest.fixture
def full(store, book, put):
    """A book with everything that a book can have."""
    store.save_book(replace(book, displayname="F", description="D", language="de", dead=DEAD))
    entry, _ = put("a.vcf")
    put("b.vcf")
    store.save_entry(replace(entry, dead=DEAD))
    return again(store, book)


def everything(store, book):
    about = book.displayname, book.description, book.language, book.dead, book.size
    return about, contents(store, book), dead(store, book)


@pytest.mark.parametrize("owner", ["alice", "bob"])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_book_moves_as_a_whole(store, full, owner, replacing):
    store.save_book(AddressBook("alice", "later"))
    before = everything(store, full)
    if replacing:
        store.save_book(AddressBook(owner, "new"))
        old = store.book(owner, "new")
        store.put(old, "old.vcf", card("old"), "old", ANYTHING, ME)
    assert store.move_book(full, owner, "new", True, ME) is not replacing
    assert store.book("alice", "friends") is None
    moved = store.book(owner, "new")
    assert everything(store, moved) == before
    assert next(iter(store.books(owner))).name == "new"  # as old as it was
    assert store.changes(moved, None).changed == ("a.vcf", "b.vcf")
    store.put(moved, "c.vcf", card("c"), "c", ANYTHING, ME)
    assert list(contents(store, again(store, moved))) == ["a.vcf", "b.vcf", "c.vcf"]


@pytest.mark.parametrize("owner", ["alice", "bob"])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_copy_of_a_book_is_a_book_of_its_own(store, full, owner, replacing):
    before = everything(store, full)
    if replacing:
        store.save_book(AddressBook(owner, "new"))
        old = store.book(owner, "new")
        store.put(old, "old.vcf", card("old"), "old", ANYTHING, ME)
    assert store.copy_book(full, owner, "new", True, ME) is not replacing
    copy = store.book(owner, "new")
    assert everything(store, copy) == everything(store, full) == before
    modified = {entry.name: entry.modified for entry in store.entries(full)}
    assert {entry.name: entry.modified for entry in store.entries(copy)} == modified
    store.delete(next(store.entries(copy)), ANYTHING, ME)
    assert list(contents(store, again(store, full))) == ["a.vcf", "b.vcf"]
    assert list(contents(store, again(store, copy))) == ["b.vcf"]


def test_a_book_can_be_copied_without_its_cards(store, full):
    store.copy_book(full, "alice", "new", False, ME, cards=False)
    copy = store.book("alice", "new")
    assert (copy.displayname, copy.dead, contents(store, copy)) == ("F", DEAD, {})


def test_a_book_is_replaced_only_if_that_is_meant(store, full, work):
    for change in (store.move_book, store.copy_book):
        with pytest.raises(PreconditionFailed):
            change(full, "alice", "work", False, ME)
    assert contents(store, again(store, work)) == {}
    assert list(contents(store, again(store, full))) == ["a.vcf", "b.vcf"]


def test_a_book_that_is_gone_is_not_copied(store, full, work):
    store.delete_book(full, ME)
    for change in (store.move_book, store.copy_book):
        with pytest.raises(NotFound):
            change(full, "alice", "work", True, ME)
    assert store.book("alice", "work") is not None


# Locks

LOCK = Lock("urn:uuid:1", "/alice/", True, False, "bob", XML("<D:owner>ö</D:owner>"), 1e10)


def test_locks_are_kept_for_each_home(store, book):
    assert store.locks("alice") == ()
    store.change_locks("alice", lambda locks: (*locks, LOCK))
    store.change_locks("alice", lambda locks: (*locks, replace(LOCK, token="urn:uuid:2")))
    assert store.locks("alice") == (LOCK, replace(LOCK, token="urn:uuid:2"))
    assert store.locks("bob") == ()
    store.change_locks("alice", lambda locks: ())
    assert store.locks("alice") == ()


def test_a_change_of_locks_that_fails_is_none(store, book):
    store.change_locks("alice", lambda locks: (LOCK,))

    def refuse(locks):
        raise NotFound("no")

    with pytest.raises(NotFound):
        store.change_locks("alice", refuse)
    assert store.locks("alice") == (LOCK,)


# Synchronisation


def test_a_token_stays_while_nothing_happens_and_changes_when_something_does(store, book, put):
    assert store.book("alice", "friends").token == book.token
    entry, _ = put("a.vcf")
    one = store.book("alice", "friends").token
    put("a.vcf", "two")
    two = store.book("alice", "friends").token
    store.delete(entry, ANYTHING, ME)
    three = store.book("alice", "friends").token
    assert len({book.token, one, two, three}) == 4


def test_a_token_may_stand_in_a_uri(store, book, put):
    put("é ä.vcf")
    put("b.vcf")
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
    assert set(store.book("alice", "friends").token) <= allowed
    assert set(store.changes(book, None, limit=1).token) <= allowed


def test_the_token_of_a_book_and_of_its_changes_are_one(store, book, put):
    put("a.vcf")
    assert store.changes(book, None).token == store.book("alice", "friends").token


def test_the_first_sync_tells_what_is_there_and_nothing_of_what_went(store, book, put):
    gone, _ = put("gone.vcf")
    put("a.vcf")
    store.delete(gone, ANYTHING, ME)
    changes = store.changes(book, None)
    assert (changes.changed, changes.removed, changes.more) == (("a.vcf",), (), False)


def test_a_sync_tells_what_happened_since(store, book, put):
    put("kept.vcf")
    gone, _ = put("gone.vcf")
    put("edited.vcf")
    since = store.book("alice", "friends").token
    put("edited.vcf", "two")
    put("edited.vcf", "three")
    put("new.vcf")
    store.delete(gone, ANYTHING, ME)
    changes = store.changes(book, since)
    assert {*changes.changed} == {"edited.vcf", "new.vcf"}
    assert changes.removed == ("gone.vcf",)
    after = store.changes(book, changes.token)
    assert (after.changed, after.removed, after.token) == ((), (), changes.token)


def test_a_card_that_came_and_went_is_told_as_removed(store, book, put):
    since = store.book("alice", "friends").token
    put("other.vcf")
    entry, _ = put("a.vcf")
    between = store.book("alice", "friends").token
    store.delete(entry, ANYTHING, ME)
    assert store.changes(book, between).removed == ("a.vcf",)
    assert "a.vcf" not in store.changes(book, since).changed


def test_a_card_that_went_and_came_is_told_as_changed(store, book, put):
    entry, _ = put("a.vcf")
    since = store.book("alice", "friends").token
    store.delete(entry, ANYTHING, ME)
    put("a.vcf", "again")
    changes = store.changes(book, since)
    assert (changes.changed, changes.removed) == (("a.vcf",), ())


@pytest.mark.parametrize(
    "token",
    ["", "x", "0", "-1", "1-", "999999-9", "9" * 30, "1-" + "f" * 32, "é", "a" * 100_000, "0-0.x"],
)
def test_a_token_that_was_never_given_out_is_refused(store, book, put, token):
    put("a.vcf")
    with pytest.raises(InvalidSyncToken):
        store.changes(book, token)


def test_a_token_of_another_book_is_refused(store, book, put):
    put("a.vcf")
    store.save_book(AddressBook("alice", "work"))
    work = store.book("alice", "work")
    store.put(work, "b.vcf", card("b"), "b", ANYTHING, ME)
    with pytest.raises(InvalidSyncToken):
        store.changes(book, store.book("alice", "work").token)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_limited_sync_ends_where_an_unlimited_one_does(store, book, put, limit):
    entries = [put(f"{n}.vcf")[0] for n in range(8)]
    client, token = Copy(store), None
    token = client.sync(token, limit, between=lambda: put("0.vcf", "changed"))
    assert client.cards == contents(store, store.book("alice", "friends"))

    for entry in entries[1:4]:
        store.delete(entry, ANYTHING, ME)
    for n in range(3, 12):
        put(f"{n}.vcf", "new")
    client.sync(token, limit, between=lambda: put("5.vcf", "newer"))
    assert client.cards == contents(store, store.book("alice", "friends"))


class Copy:
    """A client: what it believes to be in alice's friends."""

    def __init__(self, store):
        self.store, self.cards = store, {}

    def sync(self, token, limit, between):
        """Page to the end, with something happening after the second page; the last token."""
        book = self.store.book("alice", "friends")
        for page in range(100):
            changes = self.store.changes(book, token, limit)
            assert len(changes.changed) + len(changes.removed) <= limit
            for found in self.store.cards(self.store.book("alice", "friends"), changes.changed):
                self.cards[found.name] = found.data
            for name in changes.removed:
                self.cards.pop(name, None)
            token = changes.token
            if page == 1:
                between()
            elif not changes.more:
                return token
        raise AssertionError("the pages have no end")


# Texts


def test_texts_are_kept_by_form_and_etag_or_forgotten(store, book, put):
    (ada, _), (bob, _) = put("ada.vcf"), put("bob.vcf")
    store.save_texts(book, "3.0", {ada.etag: b"A"})
    store.save_texts(book, "3.0", {bob.etag: b"B"})
    known = store.texts(book, "3.0", [bob.etag, ada.etag, etag(b"")])
    assert known.items() <= {ada.etag: b"A", bob.etag: b"B"}.items()
    assert store.texts(book, "4.0", [ada.etag]) == {}


def test_what_was_derived_is_recalled_or_forgotten(store, book, put):
    assert store.recall(book, "query") is None
    for data in (b"one", b"two"):
        store.remember(book, "query", data)
        assert store.recall(book, "query") == data
    put("ada.vcf")
    assert store.recall(book, "query") == b"two"
    assert store.recall(book, "other") is None
