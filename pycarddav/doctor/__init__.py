"""A visit to a CardDAV server as a phone would pay it, and what is wrong on the way.

A **check** is a function from a :class:`Visit` to the findings that it makes; :data:`CHECKS` has
them in the order in which a phone would stumble.  An **ailment** is something that can be wrong.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from ..client import ClientError, ForeignHost
from . import card, door, inside, network
from .ailments import Ailment
from .findings import Finding, Stop
from .visit import Visit

__all__ = ["CHECKS", "Ailment", "Check", "Finding", "Visit", "examine", "findings"]

T = TypeVar("T")
Check = Callable[[Visit], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    network.dns,
    network.address,
    network.tls,
    door.well_known,
    door.txt,
    door.clock,
    door.challenge,
    door.login,
    inside.principal,
    inside.books,
    inside.slash,
    inside.methods,
    card.create,
    inside.paths,
    card.read,
    card.sync,
    card.edit,
    card.move,
    card.large,
    card.delete,
)


def examine(visit: Visit) -> Iterator[Finding]:
    """What each check finds, up to one behind which there is nothing to look at."""
    try:
        yield from findings(visit, CHECKS)
        yield from findings(visit, [card.tidy])
    finally:  # interrupted, it leaves nothing behind either
        for _ in card.tidy(visit):
            pass
        visit.close()


def findings(subject: T, checks: Iterable[Callable[[T], Iterator[Finding]]]) -> Iterator[Finding]:
    """What these checks find, each under its name."""
    for check in checks:
        name = check.__name__.replace("_", "-")
        try:
            for finding in check(subject):
                yield replace(finding, check=name)
        except Stop as stop:
            yield replace(stop.finding, check=name, ends=True)
            return
        except ForeignHost as error:
            yield replace(Ailment.foreign_href.found(why=error), check=name)
            return
        except ClientError as error:
            yield replace(Ailment.no_answer.found(why=error), check=name)
            return
