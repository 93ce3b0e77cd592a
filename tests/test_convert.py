"""vCard 3.0 as 4.0 and back: what each property becomes, and that nothing is lost."""

from base64 import b64encode
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarddav.dav.errors import NoConversion
from pycarddav.vcard import content, values
from pycarddav.vcard.content import write_line
from pycarddav.vcard.convert import convert, dates
from pycarddav.vcard.validate import acceptable

FN, N = "FN:x", "N:x;;;;"


def card(version: str, *lines: str | bytes) -> bytes:
    raw = [line if isinstance(line, bytes) else content.fold(line) for line in lines]
    return b"".join([b"BEGIN:VCARD\r\nVERSION:%s\r\n" % version.encode(), *raw, b"END:VCARD\r\n"])


def lines(data: bytes) -> list[str]:
    """The unfolded lines of a card, without what every card has."""
    found = [content.unfold(line).decode() for line in content.logical_lines(data)]
    assert (found[0], found[1][:8], found[-1]) == ("BEGIN:VCARD", "VERSION:", "END:VCARD")
    return [line for line in found[2:-1] if line not in (FN, N)]


def converted(version: str, *given: str) -> list[str]:
    other = {"3.0": "4.0", "4.0": "3.0"}[version]
    return lines(convert(card(other, FN, N, *given), version))


JPEG, PNG = "/9j/4AAQSkZJRgABAQ==", "iVBORw0KGgoAAAAN"
PERSON = "X-ABRELATEDNAMES:Jenny"

# What each is in the other version, both ways.
BOTH = {
    "photo": ([f"PHOTO;ENCODING=b;TYPE=JPEG:{JPEG}"], [f"PHOTO:data:image/jpeg;base64,{JPEG}"]),
    "photo, unknown type": (
        ["PHOTO;ENCODING=b;TYPE=X-FOO:AAAA"],
        ["PHOTO:data:image/x-foo;base64,AAAA"],
    ),
    "photo, odd type": (
        ["PHOTO;ENCODING=b;MEDIATYPE=video/mp4:AAAA"],
        ["PHOTO:data:video/mp4;base64,AAAA"],
    ),
    "photo, no type": (
        ["PHOTO;ENCODING=b:AAAA"],
        ["PHOTO:data:application/octet-stream;base64,AAAA"],
    ),
    "photo, other types": (
        [f"PHOTO;TYPE=JPEG,home,pref;ENCODING=b:{JPEG}"],
        [f"PHOTO;TYPE=home;PREF=1:data:image/jpeg;base64,{JPEG}"],
    ),
    "photo by URI": (["PHOTO;VALUE=uri:http://a/b,c"], ["PHOTO:http://a/b,c"]),
    "photo by URI with type": (
        ["PHOTO;VALUE=uri;TYPE=PNG:http://a/b"],
        ["PHOTO;MEDIATYPE=image/png:http://a/b"],
    ),
    "Apple's crop": (
        [f"PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&9&9&Zm9v==;ENCODING=b;TYPE=JPEG:{JPEG}"],
        [f"PHOTO;X-ABCROP-RECTANGLE=ABClipRect_1&0&0&9&9&Zm9v==:data:image/jpeg;base64,{JPEG}"],
    ),
    "logo": (["LOGO;ENCODING=b;TYPE=SVG:AAAA"], ["LOGO:data:image/svg+xml;base64,AAAA"]),
    "sound": (["SOUND;ENCODING=b;TYPE=WAVE:AAAA"], ["SOUND:data:audio/wav;base64,AAAA"]),
    "sound, ogg": (["SOUND;ENCODING=b;TYPE=OGG:AAAA"], ["SOUND:data:audio/ogg;base64,AAAA"]),
    "key": (["KEY;ENCODING=b;TYPE=PGP:AAAA"], ["KEY:data:application/pgp-keys;base64,AAAA"]),
    "certificate": (
        ["KEY;ENCODING=b;TYPE=X509:AAAA"],
        ["KEY:data:application/pkix-cert;base64,AAAA"],
    ),
    "key as text": (["KEY;VALUE=text:abc"], ["KEY;VALUE=text:abc"]),
    "birthday": (["BDAY:1996-04-15"], ["BDAY:19960415"]),
    "birthday without year": (
        ["BDAY;X-APPLE-OMIT-YEAR=1604;VALUE=date:1604-04-15"],
        ["BDAY:--0415"],
    ),
    "birthday with time": (
        ["BDAY;VALUE=date-time:1953-10-15T23:10:00Z"],
        ["BDAY:19531015T231000Z"],
    ),
    "birthday with time and no zone": (
        ["BDAY;X-VCARD4-VALUE=19780716T123456:1978-07-16"],
        ["BDAY:19780716T123456"],
    ),
    "birthday at midnight": (
        ["BDAY;X-VCARD4-VALUE=19780716T000000Z:1978-07-16"],
        ["BDAY:19780716T000000Z"],
    ),
    "birthday as text": (["X-VCARD4-BDAY;VALUE=text:circa 1800"], ["BDAY;VALUE=text:circa 1800"]),
    "birthday, only the day": (["X-VCARD4-BDAY:---15"], ["BDAY:---15"]),
    "birthday, only the month": (["X-VCARD4-BDAY:1985-04"], ["BDAY:1985-04"]),
    "anniversary": (
        [
            "X-ANNIVERSARY:2009-08-08",
            "item1.X-ABDATE:2009-08-08",
            "item1.X-ABLABEL:_$!<Anniversary>!$_",
        ],
        ["ANNIVERSARY:20090808"],
    ),
    "anniversary without year": (
        [
            "X-ANNIVERSARY;X-APPLE-OMIT-YEAR=1604;VALUE=date:1604-08-08",
            "item1.X-ABDATE;X-APPLE-OMIT-YEAR=1604;VALUE=date:1604-08-08",
            "item1.X-ABLABEL:_$!<Anniversary>!$_",
        ],
        ["ANNIVERSARY:--0808"],
    ),
    "anniversary as text": (
        ["X-VCARD4-ANNIVERSARY;VALUE=text:soon"],
        ["ANNIVERSARY;VALUE=text:soon"],
    ),
    "Evolution's anniversary": (
        ["X-EVOLUTION-ANNIVERSARY:1980-03-22"],
        ["ANNIVERSARY;X-VCARD3-NAME=X-EVOLUTION-ANNIVERSARY:19800322"],
    ),
    "another of Apple's dates": (
        ["item1.X-ABDATE:2009-08-08", "item1.X-ABLabel:Graduation"],
        ["item1.X-ABDATE:2009-08-08", "item1.X-ABLabel:Graduation"],
    ),
    "revision": (["REV:1995-10-31T22:27:10Z"], ["REV:19951031T222710Z"]),
    "revision, a date": (["REV;VALUE=date:1995-10-31"], ["REV;VALUE=date:19951031"]),
    "revision, a fraction": (["REV:1995-10-31T22:27:10.25Z"], ["REV:19951031T222710.25Z"]),
    "revision, no date": (["REV:12"], ["REV:12"]),
    "gender": (["X-GENDER:Male"], ["GENDER:M"]),
    "gender in words": (["X-GENDER:it's complicated"], ["GENDER:O;it's complicated"]),
    "sex and gender": (["GENDER:M;fluid"], ["GENDER:M;fluid"]),
    "no gender": (["GENDER:N"], ["GENDER:N"]),
    "address": (["ADR;TYPE=home,pref:;;Weg 1;Bonn;;;"], ["ADR;TYPE=home;PREF=1:;;Weg 1;Bonn;;;"]),
    "address types": (
        ["ADR;TYPE=dom,postal,parcel:;;a;;;;"],
        ["ADR;TYPE=dom,postal,parcel:;;a;;;;"],
    ),
    "address with label": (
        ["ADR;TYPE=home:;;Weg 1;;;;", "LABEL;TYPE=home:Weg 1\\nBonn"],
        ["ADR;TYPE=home;LABEL=Weg 1^nBonn:;;Weg 1;;;;"],
    ),
    "label alone": (
        ["LABEL;TYPE=home:Weg 1\\, Bonn"],
        ['ADR;TYPE=home;LABEL="Weg 1, Bonn":;;;;;;'],
    ),
    "labels of the same type": (
        ["ADR:a;;;;;;", "ADR:b;;;;;;", "LABEL:B", "ADR:c;;;;;;", "LABEL:C"],
        ["ADR:a;;;;;;", "ADR;LABEL=B:b;;;;;;", "ADR;LABEL=C:c;;;;;;"],
    ),
    "label in a language": (["LABEL;LANGUAGE=de:x"], ["LABEL;LANGUAGE=de:x"]),
    "address of RFC 9554": (
        ['ADR;X-VCARD4-VALUE=";;a;b;c;d;e;f;g":;;a;b;c;d;e'],
        ["ADR:;;a;b;c;d;e;f;g"],
    ),
    "phone": (["TEL;TYPE=cell,pref:+1 555"], ["TEL;TYPE=cell;PREF=1:+1 555"]),
    "phone types": (["TEL;TYPE=msg,car,pcs:1"], ["TEL;TYPE=msg,car,pcs:1"]),
    "phone in a context": (
        ['TEL;X-VCARD4-VALUE="tel:555;phone-context=a.b":555'],
        ["TEL;VALUE=uri:tel:555;phone-context=a.b"],
    ),
    "sip": (["TEL;VALUE=uri:sip:a@b"], ["TEL;VALUE=uri:sip:a@b"]),
    "mail": (["EMAIL;TYPE=INTERNET,home:a@b"], ["EMAIL;TYPE=INTERNET,home:a@b"]),
    "preferences": (
        ["EMAIL;PREF=3;TYPE=pref:a", "EMAIL;PREF=9:b", "EMAIL:c"],
        ["EMAIL;PREF=3:a", "EMAIL;PREF=9:b", "EMAIL:c"],
    ),
    "preferences where 3.0 has no types": (["NOTE;PREF=1:a"], ["NOTE;PREF=1:a"]),
    "offset": (["TZ:-05:00"], ["TZ;VALUE=utc-offset:-0500"]),
    "zone": (["TZ;VALUE=text:Europe/Berlin"], ["TZ:Europe/Berlin"]),
    "zone by URI": (["TZ;VALUE=uri:http://a"], ["TZ;VALUE=uri:http://a"]),
    "place": (["GEO:37.386;-122.08"], ["GEO:geo:37.386,-122.08"]),
    "place, with altitude": (
        ['GEO;X-VCARD4-VALUE="geo:1,2,3;u=4":1;2'],
        ["GEO:geo:1,2,3;u=4"],
    ),
    "place by URI": (["GEO;VALUE=uri:http://a"], ["GEO:http://a"]),
    "agent": (["AGENT;VALUE=uri:urn:uuid:1"], ["RELATED;TYPE=agent:urn:uuid:1"]),
    "agent's card": (
        ["AGENT:BEGIN:VCARD\\nFN:a\\nEND:VCARD"],
        ["AGENT:BEGIN:VCARD\\nFN:a\\nEND:VCARD"],
    ),
    "spouse": (
        [f"item1.{PERSON}", "item1.X-ABLABEL:_$!<Spouse>!$_"],
        ["item1.RELATED;VALUE=text;TYPE=spouse:Jenny"],
    ),
    "mother": (
        [f"item1.{PERSON}", "item1.X-ABLabel:_$!<Mother>!$_"],
        [f"item1.{PERSON}", "item1.X-ABLabel:_$!<Mother>!$_"],
    ),
    "related by URI": (["RELATED;TYPE=spouse:urn:uuid:1"], ["RELATED;TYPE=spouse:urn:uuid:1"]),
    "company": (["X-ABSHOWAS:COMPANY"], ["KIND:org"]),
    "group": (
        ["X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1"],
        ["KIND:group", "MEMBER:urn:uuid:1"],
    ),
    "member by mail": (["X-ADDRESSBOOKSERVER-MEMBER:mailto:a@b"], ["MEMBER:mailto:a@b"]),
    "kinds that 3.0 does not know": (["KIND:location"], ["KIND:location"]),
    "messenger": (["X-AIM;TYPE=HOME:b b"], ["IMPP;TYPE=HOME;X-VCARD3-NAME=X-AIM:aim:b%20b"]),
    "IMPP": (["IMPP;X-SERVICE-TYPE=Skype:skype:a"], ["IMPP;X-SERVICE-TYPE=Skype:skype:a"]),
    "messenger, twice": (["X-AIM:a", "IMPP:aim:a"], ["X-AIM:a", "IMPP:aim:a"]),
    "uid": (["UID:abc"], ["UID;VALUE=text:abc"]),
    "uid as URI": (["UID:urn:uuid:1"], ["UID:urn:uuid:1"]),
    "note": (["NOTE:a\\, b\\;\\nc"], ["NOTE:a\\, b\\;\\nc"]),
    "lists": (["CATEGORIES:a,b\\,c", "NICKNAME:d,e"], ["CATEGORIES:a,b\\,c", "NICKNAME:d,e"]),
    "what only 3.0 knows": (
        ["CLASS:PUBLIC", "MAILER:x", "NAME:y", "PROFILE:VCARD"],
        ["CLASS:PUBLIC", "MAILER:x", "NAME:y", "PROFILE:VCARD"],
    ),
    "what only 4.0 knows": (
        ["LANG;PREF=1:fr", "CLIENTPIDMAP:1;urn:uuid:1", "XML:<a/>", "HOBBY;LEVEL=high:a"],
        ["LANG;PREF=1:fr", "CLIENTPIDMAP:1;urn:uuid:1", "XML:<a/>", "HOBBY;LEVEL=high:a"],
    ),
    "what nobody knows": (
        ['Item7.x-Foo;x-Bar="a;b";Type=Q:c;d,e\\f', "X-ABUID:1\\:ABPerson"],
        ['Item7.x-Foo;x-Bar="a;b";Type=Q:c;d,e\\f', "X-ABUID:1\\:ABPerson"],
    ),
    "groups": (
        ["item1.URL:http://a", "item1.X-ABLabel:x"],
        ["item1.URL:http://a", "item1.X-ABLabel:x"],
    ),
}


@pytest.mark.parametrize(("old", "new"), BOTH.values(), ids=BOTH)
def test_a_property_has_a_form_in_both_versions(old, new):
    assert converted("4.0", *old) == new
    assert converted("3.0", *new) == old


# What 4.0 has instead, and what 3.0 gets when it comes back.
UP = {
    "data: in 3.0": (
        [f"PHOTO;ENCODING=b:data:image/png;base64,{PNG}"],
        [f"PHOTO:data:image/png;base64,{PNG}"],
    ),
    "data: by VALUE": (
        [f"PHOTO;VALUE=uri:data:image/png;base64,{PNG}"],
        [f"PHOTO:data:image/png;base64,{PNG}"],
    ),
    "sniffed": ([f"PHOTO;ENCODING=B:{JPEG}"], [f"PHOTO:data:image/jpeg;base64,{JPEG}"]),
    "no encoding": ([f"PHOTO;TYPE=PNG:{PNG}"], [f"PHOTO:data:image/png;base64,{PNG}"]),
    "spaces in base64": (
        ["PHOTO;ENCODING=BASE64;TYPE=gif:R0 lG\tO"],
        ["PHOTO:data:image/gif;base64,R0lGO"],
    ),
    "bad base64": (["PHOTO;ENCODING=b:A"], ["PHOTO:data:application/octet-stream;base64,A"]),
    "an empty photo": (["PHOTO:", "PHOTO;VALUE=uri:"], []),
    "a URI by its looks": (["PHOTO:http://a/b"], ["PHOTO:http://a/b"]),
    "jpg": ([f"PHOTO;ENCODING=b;TYPE=JPG:{JPEG}"], [f"PHOTO:data:image/jpeg;base64,{JPEG}"]),
    "a key": (["KEY;TYPE=PGP:abc"], ["KEY;TYPE=PGP;VALUE=text:abc"]),
    "Google's birthday": (["BDAY:--04-15"], ["BDAY:--0415"]),
    "basic birthday": (["BDAY;VALUE=date:19800322"], ["BDAY:19800322"]),
    "another year": (["BDAY;X-APPLE-OMIT-YEAR=1604:1980-04-15"], ["BDAY:19800415"]),
    "iOS without the parameter": (
        ["PRODID:-//Apple Inc.//iOS//EN", "BDAY;VALUE=date:1604-10-04"],
        ["PRODID:-//Apple Inc.//iOS//EN", "BDAY:--1004"],
    ),
    "somebody old": (["BDAY:1604-10-04"], ["BDAY:16041004"]),
    "no birthday": (["BDAY:about 1800"], ["BDAY;VALUE=text:about 1800"]),
    "an empty birthday": (["BDAY:"], ["BDAY:"]),
    "midnight": (["BDAY:1900-01-01T00:00:00Z"], ["BDAY:19000101T000000Z"]),
    "the same anniversary three times": (
        [
            "item3.X-ABDATE;type=pref:2009-08-08",
            "item3.X-ABLabel:_$!<Anniversary>!$_",
            "X-EVOLUTION-ANNIVERSARY:2009-08-08",
            "X-ANNIVERSARY;VALUE=date:20090808",
        ],
        ["ANNIVERSARY:20090808"],
    ),
    "another anniversary": (
        ["X-ANNIVERSARY:2009-08-08", "X-EVOLUTION-ANNIVERSARY:2010-08-08"],
        ["ANNIVERSARY:20090808", "X-EVOLUTION-ANNIVERSARY:2010-08-08"],
    ),
    "a changed birthday": (["BDAY;X-VCARD4-VALUE=19780716T123456:1980-01-01"], ["BDAY:19800101"]),
    "a changed place": (['GEO;X-VCARD4-VALUE="geo:1,2,3":3;4'], ["GEO:geo:3,4"]),
    "a new birthday": (
        ["X-VCARD4-BDAY:1985", "BDAY:1985-01-01"],
        ["X-VCARD4-BDAY:1985", "BDAY:19850101"],
    ),
    "a place with a comma": (["GEO:1.5,-2"], ["GEO:geo:1.5,-2"]),
    "a place escaped": (["GEO:1.5\\;-2"], ["GEO:geo:1.5,-2"]),
    "no place": (["GEO:here"], ["GEO;VALUE=text:here"]),
    "a zone without type": (["TZ:-05:00; EST"], ["TZ:-05:00; EST"]),
    "quoted-printable": (
        ["NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:f=C3=BCr=0Ax\\, y"],
        ["NOTE:für\\nx\\, y"],
    ),
    "charset": (["NOTE;CHARSET=UTF-8:für"], ["NOTE:für"]),
    "a bare parameter": (["TEL;CELL:1"], ["TEL;TYPE=CELL:1"]),
    "a spouse at home": (
        ["item1.X-ABRELATEDNAMES;TYPE=home:Jenny", "item1.X-ABLabel:_$!<Spouse>!$_"],
        ["item1.X-ABRELATEDNAMES;TYPE=home:Jenny", "item1.X-ABLabel:_$!<Spouse>!$_"],
    ),
    "an original of two lines": (['GEO;X-VCARD4-VALUE="geo:1,2^nx":1;2'], ["GEO:geo:1,2"]),
    "bare parameters": (["TEL;CELL;PREF:1"], ["TEL;TYPE=CELL;PREF=1:1"]),
    "commas": (
        ["NOTE:a, b\\, c", "ORG:a, b;c", "TITLE:d,e"],
        ["NOTE:a\\, b\\, c", "ORG:a\\, b;c", "TITLE:d\\,e"],
    ),
    "odd escapes": (["URL:http\\://a", 'NOTE:\\"a\\"\\:\\\\'], ["URL:http://a", 'NOTE:"a":\\\\']),
    "labels": (
        ["LABEL;TYPE=work:W", "LABEL;TYPE=home:H", "ADR;TYPE=HOME:h;;;;;;"],
        ["ADR;TYPE=work;LABEL=W:;;;;;;", "ADR;TYPE=HOME;LABEL=H:h;;;;;;"],
    ),
    "a kind said twice": (
        ["KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"],
        ["KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"],
    ),
    "Apple's upper case": (["X-ADDRESSBOOKSERVER-KIND:GROUP"], ["KIND:group"]),
    "another way to show": (["X-ABShowAs:PERSON"], ["X-ABShowAs:PERSON"]),
    "messenger as URI": (["X-SKYPE:skype:a"], ["X-SKYPE:skype:a"]),
    "lines that are none": (["X-A:b\\nc"], ["X-A:b\\nc"]),
}


@pytest.mark.parametrize(("old", "new"), UP.values(), ids=UP)
def test_older_cards_say_it_in_more_ways(old, new):
    assert converted("4.0", *old) == new


DOWN = {
    "data: without base64": (
        ["PHOTO:data:text/plain,a%20b"],
        ["PHOTO;ENCODING=b;MEDIATYPE=text/plain:YSBi"],
    ),
    "data: without type": (["KEY:data:,ab"], ["KEY;ENCODING=b;MEDIATYPE=text/plain:YWI="]),
    "data: escaped": (
        [f"PHOTO:data:image/jpeg\\;base64\\,{JPEG}"],
        [f"PHOTO;ENCODING=b;TYPE=JPEG:{JPEG}"],
    ),
    "an empty photo": (["PHOTO:", "PHOTO;VALUE=uri:"], []),
    "data: of no type, though it has one": (
        [f"PHOTO:data:application/octet-stream;base64,{JPEG}"],
        [f"PHOTO;ENCODING=b;MEDIATYPE=application/octet-stream:{JPEG}"],
    ),
    "related, with a label": (
        ["item1.RELATED;TYPE=friend;VALUE=text:a", "item1.X-ABLABEL:b"],
        ["item1.RELATED;TYPE=friend;VALUE=text:a", "item1.X-ABLABEL:b"],
    ),
    "a number": (["TEL;VALUE=uri;TYPE=cell:tel:+1-555;ext=5"], ["TEL;TYPE=cell:+1-555 x5"]),
    "a number to be decoded": (["TEL;VALUE=uri:tel:+1%20555"], ["TEL:+1 555"]),
    "text": (["TEL;VALUE=text:1"], ["TEL;VALUE=text:1"]),
    "birthday by the hour": (["BDAY:19780716T12"], ["BDAY;X-VCARD4-VALUE=19780716T12:1978-07-16"]),
    "related, two types": (
        ["RELATED;TYPE=friend,met;VALUE=text:a"],
        ["RELATED;TYPE=friend,met;VALUE=text:a"],
    ),
    "related, taken group": (
        ["item1.URL:a", "RELATED;TYPE=friend;VALUE=text;PREF=1:b"],
        ["item1.URL:a", "item2.X-ABRELATEDNAMES;TYPE=pref:b", "item2.X-ABLABEL:_$!<Friend>!$_"],
    ),
    "label with escapes": (['ADR;LABEL="a\\nb,c":;;d;;;;'], ["ADR:;;d;;;;", "LABEL:a\\nb\\,c"]),
    "two preferred": (["TEL;PREF=1:a", "TEL;PREF=1:b"], ["TEL;TYPE=pref:a", "TEL;TYPE=pref:b"]),
    "no preference": (["TEL;PREF=first:a"], ["TEL;PREF=first:a"]),
    "offset as text": (["TZ:-0500"], ["TZ:-05:00"]),
    "offset, hours": (["TZ;VALUE=utc-offset:-05"], ["TZ:-05:00"]),
    "KIND:individual": (["KIND:individual"], ["KIND:individual"]),
}


@pytest.mark.parametrize(("new", "old"), DOWN.values(), ids=DOWN)
def test_newer_cards_say_it_in_more_ways(new, old):
    assert converted("3.0", *new) == old


def test_3_0_has_one_name():
    data = card("4.0", "FN;PREF=2:b", "FN;PREF=1:a", "FN:c", "N;ALTID=1:x;;;;", "N;ALTID=1:y;;;;")
    old = convert(data, "3.0")
    assert lines(old) == [
        "X-VCARD4-FN;PREF=2:b",
        "FN;PREF=1:a",
        "X-VCARD4-FN:c",
        "N;ALTID=1:x;;;;",
        "X-VCARD4-N;ALTID=1:y;;;;",
    ]
    assert convert(old, "4.0") == data


def test_a_name_is_sorted_by_its_first_item():
    data = card("4.0", FN, 'N;SORT-AS="Harten,Rene":van der Harten;Rene;;;')
    old = convert(data, "3.0")
    assert lines(old) == [
        'N;SORT-AS="Harten,Rene":van der Harten;Rene;;;',
        "SORT-STRING:Harten",
    ]
    assert convert(old, "4.0") == data
    edited = old.replace(b"STRING:Harten", b"STRING:Rene")
    assert lines(convert(edited, "4.0")) == ["N;SORT-AS=Rene:van der Harten;Rene;;;"]


def test_a_sort_string_that_is_there_already_stays():
    given = ["N;SORT-AS=y:x;;;;", "SORT-STRING:z"]
    assert lines(convert(card("4.0", FN, *given), "3.0")) == given


def test_a_sort_string_is_a_parameter_of_the_name():
    assert lines(convert(card("3.0", "SORT-STRING:y", FN, N), "4.0")) == ["N;SORT-AS=y:x;;;;"]


def test_a_name_has_five_components_in_3_0():
    data = card("4.0", FN, "N:a;b;c;d;e;f;g")
    assert lines(convert(data, "3.0")) == ['N;X-VCARD4-VALUE="a;b;c;d;e;f;g":a;b;c;d;e']
    assert convert(convert(data, "3.0"), "4.0") == data


NAMELESS = [
    (["N:Doe;John;Q;Dr.;Jr."], "FN:Dr. John Q Doe Jr."),
    (["ORG:Acme;Lab"], "FN:Acme\\, Lab"),
    (["N:;;;;", "NICKNAME:Jo,J"], "FN:Jo"),
    (["EMAIL:a@b", "TEL:1"], "FN:a@b"),
    (["TEL:1", "UID:2"], "FN:1"),
    (["UID:2"], "FN:2"),
    ([], "FN:"),
]


@pytest.mark.parametrize(("given", "formatted"), NAMELESS)
def test_a_missing_name_is_made_of_what_there_is(given, formatted):
    assert formatted in lines(convert(card("3.0", *given), "4.0"))
    old = lines(convert(card("4.0", *given), "3.0"))
    assert formatted in old
    assert sum(line.startswith("N:") for line in old) == 1


HOSTILE = [
    ("3.0", 'GEO;X-VCARD4-VALUE="geo:1,2^nEND:VCARD":1;2'),
    ("3.0", 'N;X-VCARD4-VALUE="a;b;c;d;e;f^nEND:VCARD":a;b;c;d;e'),
    ("3.0", 'BDAY;X-VCARD4-VALUE="19780716T12^nEND:VCARD":1978-07-16'),
    ("3.0", 'PHOTO;ENCODING=b;MEDIATYPE="a/b^nEND:VCARD":AAAA'),
    ("3.0", "X-VCARD4-END:VCARD"),
    ("3.0", "X-VCARD4-BEGIN:VCARD"),
    ("3.0", "X-VCARD4-VERSION:2.1"),
    ("3.0", "X-VCARD4-UID:other"),
    ("4.0", "ANNIVERSARY;X-VCARD3-NAME=END:20090808"),
    ("4.0", 'ANNIVERSARY;X-VCARD3-NAME="a:b^nEND:VCARD^nX":20090808'),
    ("4.0", "IMPP;X-VCARD3-NAME=UID:aim:other"),
    ("4.0", "IMPP;X-VCARD3-NAME=X-AIM:aim:a%0AEND%3AVCARD"),
    ("4.0", "TEL;VALUE=uri:tel:1%0D%0AEND%3AVCARD"),
    ("4.0", 'ADR;LABEL="a^nEND:VCARD":;;;;;;'),
    ("4.0", 'N;SORT-AS="a^nEND:VCARD":b;;;;'),
    ("4.0", "PHOTO:data:a/b%0AEND%3AVCARD;base64,AAAA"),
    ("2.1", "GEO;ENCODING=QUOTED-PRINTABLE:1=0AEND=3AVCARD"),
    ("2.1", "X-A;ENCODING=QUOTED-PRINTABLE:1=0D=0AEND=3AVCARD=0DEND"),
]


@pytest.mark.parametrize(("version", "line"), HOSTILE)
def test_nothing_that_is_carried_along_gets_out_of_its_line(version, line):
    data = card(version, "UID:urn:x", line, "NOTE:last")
    for wanted in ("3.0", "4.0"):
        result = convert(data, wanted)
        assert acceptable(result) == (result, "urn:x")
        assert content.parse(result).get("NOTE")


def test_the_same_version_is_the_same_object():
    for version in ("3.0", "4.0"):
        data = b"BEGIN:VCARD\nVERSION:%s\nPHOTO:\nEND:VCARD" % version.encode()
        assert convert(data, version) is data


def test_what_is_converted_is_folded_with_crlf():
    data = card("3.0", FN, N, "NOTE:" + "ä" * 100).replace(b"\r\n", b"\n")
    new = convert(data, "4.0")
    assert new == card("4.0", FN, N, "NOTE:" + "ä" * 100)
    assert max(map(len, new.split(b"\r\n"))) <= 75


def test_a_nested_card_stays_what_it_is():
    agent = b"AGENT:\r\nBEGIN:VCARD\r\nFN:Bob\r\nEND:VCARD\r\n"
    assert convert(card("3.0", FN, N, agent), "4.0") == card("4.0", FN, N, agent)


def test_a_second_version_goes():
    assert lines(convert(card("3.0", FN, "VERSION:3.0", N), "4.0")) == []


def test_a_card_without_version_passes_for_3_0():
    data = b"BEGIN:VCARD\nFN:x\nN:x;;;;\nTZ:-05:00\nEND:VCARD\n"
    assert convert(data, "3.0") == card("3.0", FN, N, "TZ:-05:00")
    assert convert(data, "4.0") == card("4.0", FN, N, "TZ;VALUE=utc-offset:-0500")


@pytest.mark.parametrize("data", [b"", b"hello", card("5.0", FN)])
def test_what_is_no_card_cannot_be_converted(data):
    with pytest.raises(NoConversion):
        convert(data, "4.0")


DATES = [
    ("19850412", "19850412", "1985-04-12"),
    ("1985-04-12T10:22:00Z", "19850412T102200Z", "1985-04-12T10:22:00Z"),
    ("19850412t1022-0800", "19850412T1022-0800", "1985-04-12T10:22-08:00"),
    ("1985-04", "1985-04", "1985-04"),
    ("1985", "1985", "1985"),
    ("--04-12", "--0412", "--04-12"),
    ("--04", "--04", "--04"),
    ("---12", "---12", "---12"),
    ("T102200", "T102200", "T10:22:00"),
    ("T10", "T10", "T10"),
    ("T-2200", "T-2200", "T-22:00"),
    ("T--00", "T--00", "T--00"),
    ("19961022T140000.5-05", "19961022T140000.5-05", "1996-10-22T14:00:00.5-05:00"),
]


@pytest.mark.parametrize(("text", "basic", "extended"), DATES)
def test_a_date_has_two_forms(text, basic, extended):
    when = dates.parse(text)
    assert (when.basic(), when.extended()) == (basic, extended)
    assert dates.parse(basic).extended() == dates.parse(extended).extended()


@pytest.mark.parametrize("text", ["", "yesterday", "1985-4-12", "198504", "1985-04-12 10:00", "T"])
def test_what_is_no_date_is_none(text):
    assert dates.parse(text) is None


# Cards of everything the tables know, with any text in it.
TEXT = st.text(
    st.sampled_from("aZ9 äß王\u2028,;:\\\n\"'^=+%") | st.characters(categories=("L",)), max_size=12
)
WORD = st.text("abcXYZ019", min_size=1, max_size=6)
ESCAPED = TEXT.map(values.escape)
PARTS = st.lists(ESCAPED, min_size=1, max_size=9).map(";".join)
ADDRESS = PARTS.map("x;{}".format) | st.just(";;;;;;")
ITEMS = st.lists(ESCAPED, min_size=1, max_size=3).map(",".join)
DATE = st.dates().map(lambda date: date.strftime("%Y%m%d").zfill(8))
NEW_DATE = st.one_of(
    DATE,
    DATE.map(lambda date: f"--{date[4:]}"),
    st.sampled_from(
        [
            "---12",
            "1985-04",
            "1985",
            "19850412T102200",
            "19850412T102200Z",
            "19850412T000000Z",
            "T1022",
            "19850412T10",
        ]
    ),
)
BASE64 = st.binary(min_size=1, max_size=40).map(lambda data: b64encode(data).decode())
URI = st.sampled_from(["http://a/b,c;d", "urn:uuid:03a0e51f", "mailto:a@b.c"])


def prop(name, value, **params):
    """A property's line, of strategies for its value and parameters (each optional)."""
    optional = {key.replace("_", "-"): found for key, found in params.items()}
    chosen = st.fixed_dictionaries({}, optional=optional)
    return st.builds(
        lambda group, value, params: (group, name, tuple(params.items()), value),
        st.sampled_from([None, None, "g1", "item1"]),
        value,
        chosen.map(
            lambda found: {k: v if isinstance(v, tuple) else (v,) for k, v in found.items()}
        ),
    )


TYPES = st.lists(st.sampled_from(["home", "work", "x-a"]), min_size=1, max_size=2, unique=True).map(
    tuple
)
PREF = st.sampled_from(["1", "2", "50", "100"])
ANY = {"X_FOO": TEXT, "LANGUAGE": WORD}
NEW = st.one_of(
    prop("FN", ESCAPED, PREF=PREF, ALTID=WORD, **ANY),
    prop("N", PARTS, SORT_AS=TEXT.filter(bool), **ANY),
    prop("NICKNAME", ITEMS, TYPE=TYPES, PREF=PREF, **ANY),
    prop("NOTE", ESCAPED, PREF=PREF, **ANY),
    prop("ORG", PARTS, SORT_AS=WORD, **ANY),
    prop("CATEGORIES", ITEMS, PREF=PREF),
    prop("EMAIL", ESCAPED, TYPE=TYPES, PREF=PREF, **ANY),
    prop("TEL", ESCAPED, TYPE=TYPES, PREF=PREF, **ANY),
    prop(
        "ADR",
        ADDRESS,
        TYPE=TYPES,
        PREF=PREF,
        LABEL=TEXT.filter(lambda t: t and "\\" not in t),
        **ANY,
    ),
    prop("BDAY", NEW_DATE, CALSCALE=st.just("gregorian")),
    prop("ANNIVERSARY", NEW_DATE),
    prop("GENDER", st.sampled_from(["M", "F", "N", "O", "U", "M;x", "O;x", ";x", "O;Male"])),
    prop("PHOTO", BASE64.map("data:image/png;base64,{}".format), TYPE=TYPES, PREF=PREF, **ANY),
    prop("KEY", BASE64.map("data:application/pgp-keys;base64,{}".format)),
    prop("LOGO", URI, MEDIATYPE=st.sampled_from(["image/jpeg", "text/plain"]), PREF=PREF),
    prop("GEO", st.sampled_from(["geo:1,2", "geo:-1.5,2.5,3;u=4", "http://a"]), PREF=PREF),
    prop("URL", URI, TYPE=TYPES, PREF=PREF),
    prop("KIND", st.sampled_from(["individual", "group", "org", "location", "x-y"])),
    prop("MEMBER", URI, PREF=PREF),
    prop("IMPP", st.sampled_from(["aim:a%20b", "xmpp:a@b"]), PREF=PREF, TYPE=TYPES),
    prop("RELATED", URI, TYPE=st.sampled_from(["spouse", "agent", "co-worker"])),
    prop("UID", URI),
    prop("LANG", WORD, PREF=PREF),
    prop("X-FOO", ESCAPED, TYPE=TYPES, PREF=PREF),
)


def contents(data: bytes, *ignored: str) -> Counter:
    """What a card says: names, parameters without order, values."""
    return Counter(
        (
            item.group,
            item.name,
            frozenset((key, frozenset(found)) for key, found in item.params),
            item.value,
        )
        for item in content.parse(data).properties
        if item.name not in ("VERSION", *ignored)
    )


ONCE = ("N", "BDAY", "ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "GENDER", "KIND")


def once(found):
    """At most one of what a card may have once."""
    seen, kept = set(), []
    for line in found:
        if line[1] not in ONCE or line[1] not in seen:
            kept.append(line)
        seen.add(line[1])
    return kept


@settings(max_examples=100)
@given(st.lists(NEW, max_size=8).map(once))
def test_a_newer_card_comes_back_from_3_0(found):
    data = card(
        "4.0", b"FN:x\r\n", b"N:y;;;;\r\n", *[write_line(*line) for line in found if line[1] != "N"]
    )
    assert contents(convert(convert(data, "3.0"), "4.0")) == contents(data)


OLD = st.one_of(
    prop("N", st.tuples(*[ESCAPED] * 4).map(lambda parts: ";".join(("x", *parts))), **ANY),
    prop("NICKNAME", ITEMS, TYPE=TYPES, **ANY),
    prop("NOTE", ESCAPED, **ANY),
    prop("ORG", PARTS, **ANY),
    prop("SORT-STRING", ESCAPED),
    prop(
        "EMAIL", ESCAPED, TYPE=st.sampled_from([("INTERNET", "pref"), ("HOME",), ("pref",)]), **ANY
    ),
    prop("TEL", ESCAPED, TYPE=st.sampled_from([("cell", "voice"), ("pref", "work")]), **ANY),
    prop("ADR", ESCAPED.map(";;{}x;;;;".format), TYPE=TYPES, **ANY),
    prop("LABEL", TEXT.filter(bool).map(values.escape), TYPE=TYPES),
    prop("BDAY", st.dates().map(lambda date: date.isoformat())),
    prop("X-EVOLUTION-ANNIVERSARY", st.dates().map(lambda date: date.isoformat())),
    prop("X-GENDER", st.sampled_from(["Male", "Female", "other", "a\\;b"])),
    prop("PHOTO", BASE64, TYPE=st.sampled_from(["JPEG", "PNG"]), ENCODING=st.just("b")),
    prop("KEY", BASE64, TYPE=st.just("PGP"), ENCODING=st.just("b")),
    prop("LOGO", URI, VALUE=st.just("uri"), TYPE=st.just("JPEG")),
    prop("GEO", st.just("1.5;-2")),
    prop("TZ", st.sampled_from(["-05:00", "+01:00"])),
    prop("CLASS", WORD),
    prop("MAILER", ESCAPED),
    prop("UID", WORD),
    prop("X-AIM", TEXT.filter(bool).map(values.escape), TYPE=TYPES),
    prop("X-ADDRESSBOOKSERVER-KIND", st.just("group")),
    prop("X-ADDRESSBOOKSERVER-MEMBER", URI),
    prop("X-ABSHOWAS", st.just("COMPANY")),
    prop("X-FOO", ESCAPED, TYPE=TYPES),
)
BINARY = {"PHOTO": ("ENCODING", "TYPE"), "KEY": ("ENCODING", "TYPE"), "LOGO": ("VALUE",)}


def complete(line):
    """A binary property says how it is encoded; 3.0 gains a TYPE where it did not."""
    return all(key in dict(line[2]) for key in BINARY.get(line[1], ()))


@settings(max_examples=100)
@given(st.lists(OLD.filter(complete), max_size=8).map(once))
def test_an_older_card_comes_back_from_4_0(found):
    names = [line for line in found if line[1] == "N"] or [(None, "N", (), "y;;;;")]
    lines_ = [*names[:1], *(line for line in found if line[1] != "N")]
    data = card("3.0", b"FN:x\r\n", *[write_line(*line) for line in lines_])
    assert contents(convert(convert(data, "4.0"), "3.0")) == contents(data)
