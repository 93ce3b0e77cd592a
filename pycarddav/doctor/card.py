"""A throw-away card: made, read, found by a sync, changed, moved, and deleted."""

import gzip
from collections.abc import Iterator
from urllib.parse import quote

from ..client import Answer, ClientError
from ..client.multistatus import Response
from ..client.multistatus import read as multistatus
from ..dav.names import DAV
from ..dav.xml import E, document
from .ailments import Ailment
from .findings import Finding, ok
from .inside import spelled
from .visit import XML, Visit, is_dav, said

NAME = "doctor {number} +@%é.vcf"  # what proxies like to decode
VCARD = {"Content-Type": "text/vcard; charset=utf-8"}
LARGE = 4 * 2**20  # octets: a photo from a phone
GONE = (404, 410)


def content(visit: Visit, *lines: str) -> bytes:
    name = "pycarddav doctor"
    text = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{visit.number}", f"N:{name};;;;", f"FN:{name}"]
    return "".join(f"{line}\r\n" for line in [*text, *lines, "END:VCARD"]).encode()


def create(visit: Visit) -> Iterator[Finding]:
    name = NAME.format(number=visit.number)
    url = f"{visit.book}{quote(name, safe='@')}"
    visit.card = url
    visit.left.append(url)
    answer = _put(visit, url, content(visit), {"If-None-Match": "*"})
    _check_put(visit, answer, 201, 204)
    visit.etag = answer.headers.get("etag", "")
    yield ok("a contact can be made")


def _put(visit: Visit, url: str, data: bytes, headers: dict[str, str]) -> Answer:
    return visit.ask("PUT", url, data, VCARD | headers)


def _check_put(visit: Visit, answer: Answer, *wanted: int) -> None:
    if answer.status == 403 and is_dav(answer):
        raise Ailment.read_only.stop(user=visit.user, url=visit.book, said=said(answer))
    if answer.status == 507:
        raise Ailment.no_room.stop(status=507, said=said(answer))
    visit.check("PUT", answer, *wanted)


def read(visit: Visit) -> Iterator[Finding]:
    """As a browser would ask, whose compression tempts proxies."""
    answer = visit.ask("GET", visit.card, headers={"Accept-Encoding": "gzip"})
    visit.check("GET", answer, 200)
    if (body := _plain(answer)) == content(visit):
        yield ok("it comes back as it was sent")
    elif not visit.pycarddav and visit.number.encode() in body:
        yield ok("it comes back, although written anew by the server")
    else:
        yield Ailment.changed_body.found()
    came = answer.headers.get("etag", "none")
    sent = visit.etag or came
    if came != sent or not came.startswith('"'):
        yield Ailment.weak_etag.found(came=came, sent=sent.removeprefix("W/"))
    visit.etag = sent
    status = visit.ask("GET", visit.card, headers={"If-None-Match": sent}).status
    yield (
        ok("it is not sent again unchanged")
        if status == 304
        else Ailment.no_304.found(status=status)
    )


def _plain(answer: Answer) -> bytes:
    if answer.headers.get("content-encoding") != "gzip":
        return answer.body
    try:
        return gzip.decompress(answer.body)
    except (OSError, EOFError):
        return answer.body


def sync(visit: Visit) -> Iterator[Finding]:
    """RFC 6578: the new card is all that is new, under the name that it was given."""
    if not visit.token:
        return
    answer = _news(visit)
    if visit.is_stopped(answer):
        visit.token = ""
        yield Ailment.method_refused.found(method="REPORT", status=answer.status)
        return
    visit.check("REPORT", answer, 207)
    found = [item.href for item in _since(visit, answer)]
    if spelled(visit.card) in map(spelled, found):
        yield ok("a sync finds it")
    elif ours := [href for href in found if visit.number in href]:
        raise Ailment.changed_path.stop(sent=spelled(visit.card), came=ours[0])
    else:
        visit.token = ""
        yield Ailment.cached.found(method="REPORT")


def _news(visit: Visit) -> Answer:
    """A sync-collection (RFC 6578 §3.2) since the one before."""
    parts = E(DAV.sync_token, visit.token), E(DAV.sync_level, "1"), E(DAV.prop, E(DAV.getetag))
    return visit.ask("REPORT", visit.book, document(DAV.sync_collection, *parts), XML)


def _since(visit: Visit, answer: Answer) -> tuple[Response, ...]:
    """What is new; from here on, that is known."""
    found = multistatus(answer.body, answer.url)
    visit.token = found.sync_token or visit.token
    return found.responses


def edit(visit: Visit) -> Iterator[Finding]:
    for condition in ({"If-None-Match": "*"}, {"If-Match": '"out of date"'}):
        answer = _put(visit, visit.card, content(visit, "NOTE:late"), condition)
        if answer.status != 412:
            visit.etag = ""  # of what is there now
            yield Ailment.condition_ignored.found(status=answer.status)
            break
    else:
        yield ok("a change that is out of date is refused")
    strong = visit.etag if visit.etag.startswith('"') else "*"
    answer = _put(visit, visit.card, content(visit, "NOTE:new"), {"If-Match": strong})
    _check_put(visit, answer, 200, 201, 204)
    visit.etag = answer.headers.get("etag", "")
    if b"NOTE:new" not in _plain(visit.ask("GET", visit.card)):
        yield Ailment.cached.found(method="GET")
    else:
        yield ok("it can be changed")


def move(visit: Visit) -> Iterator[Finding]:
    """RFC 4918 §10.3: a Destination is a whole URL, by which the server has to know itself."""
    there = visit.card.replace("doctor", "doctor-moved")
    headers = {"Destination": there, "Overwrite": "F"}
    visit.left.append(there)
    status = (answer := visit.ask("MOVE", visit.card, headers=headers)).status
    if status in (201, 204):
        visit.card, visit.left = there, [there]
        yield ok("it can be moved")
    elif visit.is_stopped(answer):
        yield Ailment.method_refused.found(method="MOVE", status=status)
    else:
        yield Ailment.host_lost.found(status=status)


def large(visit: Visit) -> Iterator[Finding]:
    """As many octets as a photo has arrive; they are no card, so nothing is stored."""
    size = min(LARGE, visit.limit or LARGE)
    shown = f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size >> 10} kB"
    try:
        answer = _put(visit, visit.card, b"x" * size, {})
    except ClientError as error:
        yield Ailment.cut_off.found(size=shown, why=error)
        return
    if answer.status == 413:
        yield Ailment.body_limit.found(size=shown)
    elif answer.status < 500 and not visit.is_stopped(answer):
        yield ok(f"{shown} arrive, so it can have a photo")
    else:
        yield Ailment.cut_off.found(size=shown, why=f"{answer.status} is answered")


def delete(visit: Visit) -> Iterator[Finding]:
    answer = visit.ask("DELETE", visit.card)
    visit.check("DELETE", answer, 200, 204)
    again = visit.ask("GET", visit.card).status
    visit.left.clear()
    if again not in GONE:
        yield Ailment.cached.found(method="GET")
    elif visit.token and not _is_told(visit):
        yield Ailment.cached.found(method="REPORT")
    else:
        yield ok("it can be deleted, and a sync says so")


def _is_told(visit: Visit) -> bool:
    """Whether the news are that the card is gone (RFC 6578 §3.5.2)."""
    answer = _news(visit)
    return answer.status == 207 and any(
        spelled(item.href) == spelled(visit.card) and item.status in GONE
        for item in _since(visit, answer)
    )


def tidy(visit: Visit) -> Iterator[Finding]:
    """Leaves nothing behind where something went wrong on the way."""
    while visit.left:
        url = visit.left.pop()
        try:
            status = visit.ask("DELETE", url).status
        except ClientError:
            status = 0
        if status not in (200, 204, *GONE):
            yield Ailment.left_over.found(url=url)
