"""The index finds every card that matches, and few others."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pycarddav.vcard import content, query
from pycarddav.vcard.index import NAMES, Index
from pycarddav.vcard.query import Filter, ParamFilter, PropFilter, TextMatch


def card(*lines: str) -> content.VCard:
    return content.parse("\r\n".join(["BEGIN:VCARD", *lines, "END:VCARD"]).encode())


def having(name: str, *texts: str, **more) -> PropFilter:
    return PropFilter(name, texts=tuple(map(TextMatch, texts)), **more)


def any_of(*props: PropFilter) -> Filter:
    return Filter("anyof", props)


def all_of(*props: PropFilter) -> Filter:
    return Filter("allof", props)


ADA = card("FN:Ada Lovelace", "N:Lovelace;Ada;;;", "EMAIL:ada@home.org", "EMAIL:ada@work.org")
BOB = card("FN:Bob Smith", "CATEGORIES:a,b", "NOTE:Ada")
EVE = card("FN:Éve", "EMAIL;TYPE=home:eve@home.org")
CARDS = {"ada": ADA, "bob": BOB, "eve": EVE}

FOUND = [
    (any_of(having("FN", "LOVE")), {"ada"}),
    (any_of(having("FN", "nobody")), set()),
    (any_of(having("FN", "e")), {"ada", "eve"}),
    (any_of(having("FN", "éVE")), {"eve"}),
    (any_of(having("N", "lace;ada")), {"ada"}),
    (any_of(having("CATEGORIES", "a,b")), {"bob"}),
    (any_of(having("EMAIL", "org", "work", test="allof")), {"ada"}),
    (any_of(having("EMAIL", "eve", "work")), {"ada", "eve"}),
    (any_of(having("EMAIL", "orgada")), set()),
    (any_of(having("EMAIL")), {"ada", "eve"}),
    (any_of(having("EMAIL", "")), {"ada", "eve"}),
    (any_of(having("EMAIL", defined=False)), {"bob"}),
    (any_of(having("EMAIL", params=(ParamFilter("TYPE"),))), {"ada", "eve"}),
    (any_of(having("EMAIL", "work", params=(ParamFilter("TYPE"),), test="allof")), {"ada"}),
    (any_of(PropFilter("EMAIL", texts=(TextMatch("a", negate=True),))), {"ada", "eve"}),
    (any_of(PropFilter("FN", texts=(TextMatch("Ada", "i;octet"),))), {"ada"}),
    (any_of(PropFilter("FN", texts=(TextMatch("É", "i;octet"),))), {"ada", "bob", "eve"}),
    (any_of(having("FN", "ada", group="x")), {"ada"}),
    (any_of(having("FN", "ada"), having("FN", "bob")), {"ada", "bob"}),
    (all_of(having("FN", "ada"), having("EMAIL", "home")), {"ada"}),
    (all_of(having("FN", "ada"), having("NOTE", "x")), {"ada"}),
    (any_of(having("FN", "ada"), having("NOTE", "x")), None),
    (any_of(having("NOTE", "ada")), None),
    (any_of(having("FN", defined=False, group="x")), None),
    (any_of(), None),
]


@pytest.mark.parametrize(("wanted", "names"), FOUND)
def test_candidates_are_found(wanted, names):
    assert Index(CARDS.items()).candidates(wanted) == names


def test_a_changed_card_is_found_by_what_it_is_now():
    index = Index(CARDS.items())
    index.put("ada", BOB)
    index.remove("eve")
    index.remove("nobody")
    assert index.candidates(any_of(having("FN", "ada"))) == set()
    assert index.candidates(any_of(having("FN"))) == {"ada", "bob"}


def test_a_very_long_value_can_always_match():
    index = Index({"long": card("FN:" + "x" * 2000), "short": card("FN:x")}.items())
    assert index.candidates(any_of(having("FN", "y"))) == {"long"}
    for _ in range(200):  # until it is packed
        index.put("short", card("FN:y"))
    assert index.candidates(any_of(having("FN", "y"))) == {"long", "short"}
    assert index.candidates(any_of(having("FN", "x"))) == {"long"}


TEXTS = st.text(st.sampled_from("aAbäÄßſıée\u0301ﬁ,;\\"), max_size=4)
FILTERS = st.builds(
    Filter,
    st.sampled_from(["anyof", "allof"]),
    st.lists(
        st.builds(
            PropFilter,
            st.sampled_from(["FN", "N", "NICKNAME", "NOTE"]),
            st.sampled_from([None, None, "G"]),
            st.booleans(),
            st.sampled_from(["anyof", "allof"]),
            st.lists(
                st.builds(
                    TextMatch,
                    TEXTS,
                    st.sampled_from([*query.COLLATIONS]),
                    st.sampled_from([*query.MATCHES]),
                    st.booleans(),
                ),
                max_size=2,
            ).map(tuple),
            st.sampled_from([(), (ParamFilter("TYPE"),), (ParamFilter("TYPE", False),)]),
        ),
        max_size=3,
    ).map(tuple),
)
LINES = st.builds(
    "{}{}{}:{}".format,
    st.sampled_from(["", "g."]),
    st.sampled_from(["FN", "N", "NICKNAME", "NOTE"]),
    st.sampled_from(["", ";TYPE=a"]),
    TEXTS,
)
CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.lists(LINES, max_size=3)), max_size=8
)


@settings(max_examples=300)
@given(CHANGES, FILTERS)
def test_every_card_that_matches_is_a_candidate(changes, wanted):
    index, cards = Index(), {}
    for name, lines in changes:
        if lines is None:
            index.remove(name)
            cards.pop(name, None)
        else:
            cards[name] = card(*lines)
            index.put(name, cards[name])
    found = index.candidates(wanted)
    matching = {name for name, vcard in cards.items() if wanted.matches(vcard)}
    assert found is None or matching <= found <= cards.keys()


def test_dead_rows_do_not_pile_up():
    index = Index(CARDS.items())
    for number in range(1000):
        index.put("ada", card(f"FN:Ada {number}"))
    assert len(index._names) < 200
    assert index.candidates(any_of(having("FN", "Ada 999"))) == {"ada"}
    assert index.candidates(any_of(having("FN", "Ada 998"))) == set()


def test_a_text_of_every_indexed_property_is_found():
    index = Index([(name, card(f"{name}:needle")) for name in NAMES])
    for name in NAMES:
        assert index.candidates(any_of(having(name, "needle"))) == {name}


LONG = card(f"FN:Ada {'x' * 2000}")


@pytest.mark.parametrize("cards", [{}, CARDS, {"long": LONG, **CARDS}])
def test_an_index_that_was_kept_finds_the_same(cards):
    index = Index(cards.items())
    index.put("ada", BOB)
    index.remove("bob")
    again = Index.load(index.dump())
    assert (len(again), again.size) == (len(index), index.size)
    for wanted, _ in FOUND:
        assert again.candidates(wanted) == index.candidates(wanted)
    again.put("eve", ADA)
    assert "eve" in (again.candidates(any_of(having("FN", "lovelace"))) or ())


DUMP = Index({"long": LONG, **CARDS}.items()).dump()


@example(DUMP.rindex(bytes(4)), 9, None)
@given(st.integers(0, len(DUMP) - 1), st.integers(0, 255), st.sampled_from([None, 4, 200]))
def test_what_is_no_index_is_refused_or_searched_to_an_end(at, octet, length):
    data = bytearray(DUMP)
    data[at] = octet
    try:
        index = Index.load(bytes(data[:length]))
    except ValueError:
        return
    for wanted, _ in FOUND:
        index.candidates(wanted)
