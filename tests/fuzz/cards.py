"""Coverage-guided fuzzing of everything that reads a card, from the corpus of tests/cards.

    pip install atheris
    python tests/fuzz/cards.py -max_total_time=120

What it looks for: an exception that is not ours, a byte that is lost, a card that we accept and do
not accept converted, and an input that takes more than it is worth.  libFuzzer leaves the input
behind as ./crash-*; give it as an argument to see it again.
"""

import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["pycarddav.vcard"]):
    from pycarddav.dav.errors import Error
    from pycarddav.vcard import content, edit, files, jcard, query, skim, validate
    from pycarddav.vcard.address_data import AddressData
    from pycarddav.vcard.convert import repaired
    from pycarddav.vcard.index import Index

from test_cards import NAMES, load

SECONDS_A_MEGABYTE = 20  # instrumented and on a busy machine; quadratic is far above
WANTED = query.Filter(
    props=tuple(
        query.PropFilter(name, texts=(query.TextMatch("A"),), params=(query.ParamFilter("TYPE"),))
        for name in ("FN", "N", "NOTE", "CATEGORIES", "TEL", "PHOTO", "X-A")
    )
)
OLD, NEW = AddressData(version="3.0"), AddressData(version="4.0")


def one(data: bytes) -> None:
    """Everything that has to hold for any input."""
    before = time.process_time()
    read(data)
    accept(data)
    for attempt in (OLD.text, NEW.text, AddressData(jcard.CONTENT_TYPE, "4.0").render, imported):
        with contextlib.suppress(Error, content.Unreadable):
            attempt(data)
    allowed = 0.2 + SECONDS_A_MEGABYTE * len(data) / 1e6
    assert time.process_time() - before < allowed, "slow"


def read(data: bytes) -> None:
    try:
        vcard = content.parse(data)
    except content.Unreadable:
        return
    assert vcard.data() == data
    some = content.parse(data, WANTED.names)
    assert WANTED.matches(some) == WANTED.matches(vcard)
    candidates = Index([("x", vcard)]).candidates(WANTED)
    assert candidates is None or "x" in candidates or not WANTED.matches(vcard)
    if vcard.end:
        added = content.parse(edit.add(data, "X-NEW", "value"))
        assert added.get("X-NEW")[-1].value == "value"


def accept(data: bytes) -> None:
    try:
        stored, uid = validate.acceptable(data)
    except Error:
        return
    assert stored in (data, data.removeprefix(content.BOM))
    assert skim.uid(stored) in (uid, None)
    for form in (OLD, NEW):
        again = form.render(stored)
        if content.parse(again).data().count(b"\n") < content.MAX_LINES:
            assert validate.acceptable(again) == (again, uid)
            other = NEW if form is OLD else OLD
            assert names(again) <= names(form.render(other.render(again)))


def names(data: bytes) -> set[str]:
    """What the card is called, in whichever version."""
    vcard = content.parse(data)
    return {item.text for name in ("FN", "X-VCARD4-FN") for item in vcard.get(name)}


def imported(data: bytes) -> None:
    for card in files.split(io.BytesIO(data)):
        fixed = repaired(card)
        if fixed.count(b"\n") < content.MAX_LINES:
            validate.acceptable(fixed)


def main() -> None:
    with tempfile.TemporaryDirectory() as seeds:
        for name in NAMES:
            data, _ = load(name)
            if len(data) < 4096:
                Path(seeds, name).write_bytes(data)
        atheris.Setup([*sys.argv, "-max_len=4096", "-timeout=10", seeds], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
