"""Many changes of a book at once."""

from dataclasses import replace

from disk import ME, Server, card

from pycarddav.dav.errors import NotFound, PreconditionFailed, UidConflict
from pycarddav.dav.headers import ANYTHING, NEW, Condition
from pycarddav.dav.xml import XML
from pycarddav.store.filesystem.book import Wanted


def change(server, *many):
    return server.store.change(server.book, many, ME, "test 1")


def test_of_many_changes_each_is_judged_by_itself_in_their_order(synced):
    old = synced.store.put(synced.book, "old.vcf", card("old"), "old", ANYTHING, ME)[0]
    synced.sync()
    done = change(
        synced,
        Wanted("new.vcf", card("new"), "new", NEW),
        Wanted("ada.vcf", card("ada.vcf", "x"), "ada.vcf", NEW),
        Wanted("other.vcf", card("bob.vcf"), "bob.vcf", NEW),
        Wanted("bob.vcf", None, None, ANYTHING),
        Wanted("other.vcf", card("bob.vcf"), "bob.vcf", NEW),
        Wanted("none.vcf", None, None, ANYTHING),
        Wanted("old.vcf", card("old", "x"), "old", Condition(if_match=old.etag)),
        Wanted("ada.vcf", card("ada.vcf"), "ada.vcf", ANYTHING),
    )
    kinds = [None, PreconditionFailed, UidConflict, None, None, NotFound, None, None]
    assert [error and type(error) for error in done] == kinds
    assert synced.sync() == ({"new.vcf", "other.vcf", "old.vcf"}, {"bob.vcf"})
    assert synced.cards == synced.contents()
    assert not [path for path in synced.folder.iterdir() if path.name.startswith(".tmp-")]


def test_another_server_sees_many_changes_as_one_history(synced):
    other = Server(synced.storage)
    change(other, *(Wanted(f"{n}.vcf", card(f"{n}"), f"{n}", NEW) for n in range(20)))
    assert len(synced.sync()[0]) == 20
    assert synced.store.opened(synced.book).past().events[-1].cause.reason == "test 1"


def test_a_new_card_has_no_properties_of_an_old_one(synced):
    dead = (("{urn:x}a", XML('<a xmlns="urn:x"/>')),)
    (entry,) = synced.store.entries(synced.book, ["ada.vcf"])
    synced.store.save_entry(replace(entry, dead=dead))
    (synced.folder / "ada.vcf").unlink()
    change(synced, Wanted("ada.vcf", card("ada.vcf"), "ada.vcf", NEW))
    assert [entry.dead for entry in synced.store.entries(synced.book, ["ada.vcf"])] == [()]
