"""Reading XML safely, and writing fragments (``dav/xml.py``, ``dav/multistatus.py``)."""

from contextlib import suppress
from inspect import unwrap
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycarddav.dav import multistatus, xml
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import XML, E

ANY_TEXT = st.text(st.characters(codec=None), max_size=50)  # lone surrogates and all
SPEAKABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]))
LOCAL = st.from_regex(r"[A-Za-z_][A-Za-z0-9._-]{0,9}", fullmatch=True)
NAME = st.builds(
    lambda uri, local: f"{{{uri}}}{local}" if uri else local,
    st.sampled_from(["", "DAV:", CARDDAV.uri, "urn:x", "http://example.com/?a=1&b='2'"]),
    LOCAL,
)


def tree(name, attributes, text, children):
    element = ElementTree.Element(name, attributes)
    element.text = text
    for child, tail in children:
        child.tail = tail
        element.append(child)
    return element


ELEMENTS = st.recursive(
    st.builds(tree, NAME, st.dictionaries(NAME, SPEAKABLE, max_size=3), SPEAKABLE, st.just([])),
    lambda inner: st.builds(
        tree,
        NAME,
        st.dictionaries(NAME, SPEAKABLE, max_size=2),
        SPEAKABLE,
        st.lists(st.tuples(inner, SPEAKABLE), max_size=3),
    ),
    max_leaves=6,
)


def same(one, other):
    return (
        (one.tag, dict(one.attrib), one.text or "", one.tail or "", len(one))
        == (other.tag, dict(other.attrib), other.text or "", other.tail or "", len(other))
    ) and all(map(same, one, other))


@given(ANY_TEXT)
def test_any_text_can_be_sent(text):
    back = xml.parse(xml.document(DAV.prop, E(DAV.displayname, text)))
    received = back.findtext(DAV.displayname)
    speakable = all(code in "\t\n\r" or ord(code) >= 32 for code in text)
    if speakable and not any(0xD800 <= ord(c) < 0xE000 or ord(c) in (0xFFFE, 0xFFFF) for c in text):
        assert received == text
    else:
        assert "\ufffd" in received


@given(ANY_TEXT)
def test_a_text_is_escaped_as_its_characters_are(text):
    """One that needs care takes another way through the code than those around it."""
    assert xml.escape(text) == "".join(map(xml.escape, text))


@given(ELEMENTS)
def test_a_fragment_is_the_element_it_was_made_of(element):
    element.tail = None
    (back,) = xml.parse(xml.document(DAV.prop, xml.fragment(element)))
    assert same(back, element)


@given(st.binary(max_size=300))
def test_any_bytes_are_xml_or_a_refusal(body):
    with suppress(xml.Malformed, xml.Forbidden):
        assert xml.parse(body).tag


@pytest.mark.parametrize("pieces", ["<b></b>", "<p:b></p:b>", '<b p:x=""></b>'])
def test_a_long_namespace_is_not_written_out_for_each_name_in_it(pieces):
    """Two thousand times a megabyte takes seconds, in which nobody else is served."""
    uri = "u" * (xml.MAX_NAME + 1)
    body = f'<a xmlns="{uri}" xmlns:p="{uri}">{pieces * 3}</a>'.encode()
    assert not xml.is_plain(body, xml.MAX_ELEMENTS)
    for said in (body, body.decode().encode("utf-16")):
        with pytest.raises(xml.Malformed):
            xml.parse(said)


PIECES = b"<a> </a> <a/> <b|c='>'> </b> <b|c='/>'/> t &lt; &x; ]]> <!--x--> <?x?> <![CDATA[<a>]]>"
PIECES += b" \0 \xe9 \xc3\xa9 <x:a/> < '> <a|xmlns='u:'> <p:a|xmlns:p='u:'> </p:a> <a%b/>" % (
    b"b" * 1000
)
BEGINS = ["", "\ufeff", "<?xml version='1.0'?>", '<?xml version="1.0" encoding="UTF-8"?>\n', " "]
BEGINS += ["<?xml version='1.0' encoding='latin-1'?>", "<!DOCTYPE a [<!ENTITY x 'y'>]>"]


def outcome(parse, body):
    try:
        return xml.fragment(parse(body))
    except (xml.Malformed, xml.Forbidden) as error:
        return type(error), str(error)


@given(
    st.sampled_from(BEGINS).map(str.encode),
    st.lists(st.sampled_from(PIECES.replace(b"|", b"\t").split(b" ")), max_size=8),
    st.sampled_from(["utf-8", "utf-16", "utf-16-le"]),
)
@example(b"", [b"<b c='>'>"] * 70 + [b"</b>"] * 70, "utf-8")
@example(b"", [b"<a>", b"<b c='/>'/>"] * 70 + [b"</a>"] * 70, "utf-8")
@example(b"", [b"<a>", b"<a/>"] * 63 + [b"</a>"] * 63, "utf-8")
def test_what_is_plain_is_read_as_everything_is(begin, pieces, encoding):
    body = begin + b"<r>" + b"".join(pieces) + b"</r>"
    for tried in (body, body.decode("latin-1").encode(encoding)):
        assert outcome(xml.parse, tried) == outcome(unwrap(xml.parse), tried)


@pytest.mark.parametrize(
    "body",
    [
        b"<a>" * 1_000_000,
        b"<a>" + b"<b/>" * (xml.MAX_ELEMENTS + 1) + b"</a>",
        b"<a><b>" * xml.MAX_DEPTH + b"</b></a>" * xml.MAX_DEPTH,
    ],
    ids=["depth", "breadth", "just too deep"],
)
def test_what_nobody_needs_is_refused_early(body):
    with pytest.raises(xml.Malformed, match="too many or too deeply nested"):
        xml.parse(body)


def test_a_multiget_of_a_large_book_is_read():
    hrefs = b"".join(b"<href>/alice/contacts/%d.vcf</href>" % number for number in range(50_000))
    assert len(xml.parse(b"<m xmlns='DAV:'>" + hrefs + b"</m>")) == 50_000


def test_text_is_escaped_and_markup_is_not():
    assert E(DAV.prop, "<&>", XML("<D:a/>")) == "<D:prop>&lt;&amp;&gt;<D:a/></D:prop>"
    assert E("{urn:x}a", "t", b='"<') == '<a xmlns="urn:x" b="&quot;&lt;">t</a>'
    assert E(DAV.href) == "<D:href/>"


def test_a_typo_in_a_name_is_an_error():
    with pytest.raises(AttributeError, match="no name 'getetga'"):
        _ = DAV.getetga


def test_a_response_has_its_good_news_first():
    """Thunderbird's discovery looks at the first status and at nothing else."""
    response = multistatus.propstats("/", {404: [E(DAV.owner)], 200: [E(DAV.getetag, '"x"')]})
    assert response.index("HTTP/1.1 200 OK") < response.index("HTTP/1.1 404 Not Found")


def test_a_response_without_properties_is_still_a_response():
    assert multistatus.propstats("/", {}) == (
        "<D:response><D:href>/</D:href><D:propstat><D:prop></D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    )
