"""``pycarddav merge``: cards that are of one person, shown with the evidence, and put together."""

import sys
from argparse import ArgumentParser, Namespace

from ..model import AddressBook, Card
from ..serve import site
from ..store.filesystem import FilesystemStore
from ..transfer import reuniting, undoing
from ..transfer.reuniting import Plan
from ..vcard import content, readable
from . import console, references, storage, taking_back
from .console import Exit
from .failures import failures
from .options import add_options, loaded, utf8

_HEADS = ("card", "name", "email", "phone")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("book", metavar="USER/BOOK", type=utf8)
    parser.add_argument("--apply", action="store_true", help="merge all that are found, unasked")
    parser.add_argument("--json", action="store_true", help="list them, as one JSON object")
    taking_back.add_argument(parser, "merge in this book")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), storage.opened(found) as store:
        book = references.book(store, args.book)
        if args.undo is not None:
            return taking_back.undo(args, store, book, "merge")
        cards = {card.name: card for card in store.cards(book) if isinstance(card, Card)}
        largest = site.limits(found.config).max_resource_size
        plans = list(reuniting.plans(cards, largest, console.warn))
        if not plans:
            console.note(f"{args.book} has no duplicates")
        if args.json:
            said = [_facts(plan) for plan in plans]
            console.show_json({"book": args.book, "duplicates": said})
        elif args.apply:
            return _merge(args, store, book, cards, plans)
        elif sys.stdin.isatty() and sys.stdout.isatty():
            return _merge(args, store, book, cards, _agreed(plans))
        else:
            _list(plans)
    return Exit.OK


def _merge(
    args: Namespace,
    store: FilesystemStore,
    book: AddressBook,
    cards: dict[str, Card],
    plans: list[Plan],
) -> int:
    if not plans:
        return Exit.OK
    author, reason = references.author("merge"), undoing.new_reason("merge")
    left = reuniting.carry_out(plans, cards, lambda many: store.change(book, many, author, reason))
    for name, why in left.items():
        console.warn(f"{name} stays as it is: {why}")
    done = [plan for plan in plans if plan.base.name not in left]
    cards_of = console.counted(sum(len(plan.cards) for plan in done), "card")
    console.note(f"{args.book}: merged {cards_of} into {len(done)}")
    if done:
        console.undo(args, "merge", args.book, "--undo", reason.partition(" ")[2])
    return Exit.PARTIAL if left else Exit.OK


def _agreed(plans: list[Plan]) -> list[Plan]:
    """Those that somebody says yes to, who is shown what would become of each."""
    chosen = []
    for number, plan in enumerate(plans, 1):
        evidence = console.printable("; ".join(plan.evidence))
        print(f"\n{number} of {len(plans)}: {evidence}\n")
        console.table(_HEADS, map(_row, plan.cards))
        print("\nTogether, in the first:\n")
        fields = readable.fields(content.parse(plan.data))
        rows = [(item.name, ", ".join(item.kinds), item.value) for item in fields]
        console.table(["field", "kind", "value"], rows)
        print(flush=True)
        if console.confirmed("Merge them?"):
            chosen.append(plan)
    return chosen


def _list(plans: list[Plan]) -> None:
    rows = [
        (str(number), *_row(card), "; ".join(plan.evidence))
        for number, plan in enumerate(plans, 1)
        for card in plan.cards
    ]
    console.table(["person", *_HEADS, "evidence"], rows)
    if plans:
        console.note("--apply merges them; on a terminal it is asked for each")


def _facts(plan: Plan) -> dict[str, object]:
    rows = [dict(zip(_HEADS, _row(card), strict=True)) for card in plan.cards]
    return {"evidence": plan.evidence, "cards": rows}


def _row(card: Card) -> tuple[str, str, str, str]:
    vcard = content.parse(card.data)
    found = [vcard.first(name) for name in ("FN", "EMAIL", "TEL")]
    name, email, phone = (item.text if item else "" for item in found)
    return card.name, name, email, phone
