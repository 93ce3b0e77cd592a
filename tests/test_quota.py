"""A limit for each user (RFC 4331)."""

from dataclasses import replace

import pytest
from conftest import BOOK, HOME, condition, vcard

from pycarddav.dav.names import DAV
from pycarddav.protocol.context import Limits

ADA, BOB, EVE = (vcard(name, name.title()) for name in ("ada", "bob", "eve"))
SIZE = len(ADA)
WORK = HOME + "work/"
QUOTA = DAV.quota_used_bytes, DAV.quota_available_bytes


@pytest.fixture
def limited(client):
    """There is room for two cards and a half, and one is there."""
    client("MKCOL", WORK)
    client.put("ada.vcf", ADA)
    client.app = replace(client.app, limits=Limits(quota=SIZE * 5 // 2))
    return client


def room(client, path):
    return tuple(client.propfind(path, *QUOTA)[path].values())


def test_what_is_used_is_told_and_what_is_left(limited):
    assert room(limited, HOME) == (str(SIZE), str(SIZE * 5 // 2 - SIZE))
    assert room(limited, BOOK) == (str(SIZE), str(SIZE * 5 // 2 - SIZE))
    assert room(limited, WORK) == ("0", str(SIZE * 5 // 2 - SIZE))


def test_without_a_limit_nothing_is_said_of_what_is_left(client):
    client.put("ada.vcf", ADA)
    assert room(client, HOME) == room(client, BOOK) == (str(SIZE), 404)


def test_a_limit_is_for_all_books_of_a_home(limited):
    assert limited("PUT", WORK + "bob.vcf", BOB).status == 201
    response = limited.put("eve.vcf", EVE)
    assert (response.status, condition(response)) == (507, DAV.quota_not_exceeded)
    assert limited("GET", BOOK + "eve.vcf").status == 404
    assert limited("DELETE", WORK + "bob.vcf").status == 204
    assert limited.put("eve.vcf", EVE).status == 201


def test_what_is_advertised_is_what_is_enforced(limited):
    left = int(room(limited, HOME)[1])
    empty = len(vcard("bob", ""))
    assert limited.put("bob.vcf", vcard("bob", "B" * (left - empty + 1))).status == 507
    assert limited.put("bob.vcf", vcard("bob", "B" * (left - empty))).status == 201
    assert room(limited, HOME)[1] == "0"


def test_a_card_that_does_not_grow_is_always_let_in(limited):
    limited.app = replace(limited.app, limits=Limits(quota=1))
    assert limited.put("ada.vcf", vcard("ada", "XYZ")).status == 204
    assert limited.put("ada.vcf", vcard("ada", "WXYZ")).status == 507
    assert limited.put("ada.vcf", vcard("ada", "")).status == 204


def test_what_is_replaced_makes_room(limited):
    limited("PUT", WORK + "ada.vcf", vcard("ada", "A" * (SIZE // 2)))
    limited.app = replace(limited.app, limits=Limits(quota=1))
    assert limited("COPY", BOOK + "ada.vcf", destination=WORK + "ada.vcf").status == 204
    assert limited("COPY", BOOK, destination=WORK).status == 204
    assert limited("COPY", BOOK, destination=HOME + "new/").status == 507


def test_a_copy_takes_room_and_a_move_does_not(limited):
    assert limited("COPY", BOOK + "ada.vcf", destination=WORK + "ada.vcf").status == 201
    assert limited("COPY", BOOK, destination=HOME + "copy/").status == 507
    assert limited("COPY", BOOK, destination=HOME + "copy/", depth="0").status == 201
    assert limited("COPY", BOOK + "ada.vcf", destination=HOME + "copy/a.vcf").status == 507
    assert limited("MOVE", BOOK + "ada.vcf", destination=HOME + "copy/a.vcf").status == 201
    assert limited("MOVE", WORK, destination=HOME + "moved/").status == 201


def test_a_move_to_another_home_takes_room_there(limited):
    limited.user = "bob"
    limited("PROPFIND", "/")
    for number in range(2):
        limited("PUT", f"/bob/contacts/{number}.vcf", vcard(str(number), "Bob"))
    limited.user = "root"
    assert limited("MOVE", BOOK + "ada.vcf", destination="/bob/contacts/a.vcf").status == 507
    assert limited("MOVE", BOOK, destination="/bob/friends/").status == 507
    assert limited("GET", BOOK + "ada.vcf").status == 200


def test_at_its_limit_a_home_can_be_used_and_made_smaller(limited):
    limited.app = replace(limited.app, limits=Limits(quota=1))
    assert limited("MKCOL", HOME + "new/").status == 201
    assert limited("GET", BOOK + "ada.vcf").status == 200
    assert limited("DELETE", BOOK).status == 204
    assert room(limited, HOME) == ("0", "1")
