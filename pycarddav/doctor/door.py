"""The front door: how clients that know only the host name get to the server, and log in."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..client import Answer
from ..client.http import REDIRECTS, origin
from ..dav.names import DAV
from .ailments import Ailment
from .findings import Finding, ok
from .visit import GATEWAY, NO_METHOD, XML, Visit, asking, is_dav, said, target

HOPS = 5  # redirects that DAVx⁵ follows
MINUTES_OFF = 2


def well_known(visit: Visit) -> Iterator[Finding]:
    """RFC 6764 §5: /.well-known/carddav leads to the server, whoever asks."""
    url = f"{visit.root}/.well-known/carddav"
    answer = _strange(visit, url)
    if answer.status == 401:
        yield ok("/.well-known/carddav asks for a login")
        return
    if answer.status not in REDIRECTS:
        yield _not_known(url, answer)
        return
    there = target(answer)
    wrong = misled(url, answer.status, there)
    if wrong:
        yield wrong
        return
    yield _followed(visit, url, there)


def _not_known(url: str, answer: Answer) -> Finding:
    status = answer.status
    if status in GATEWAY:
        raise Ailment.bad_gateway.stop(status=status)
    if status == 405 or status == 501:
        return Ailment.method_refused.found(method="PROPFIND", status=status)
    if status < 400:
        return Ailment.well_known_page.found(url=url, status=status)
    return Ailment.well_known_missing.found(url=url, status=status)


def misled(url: str, status: int, there: str) -> Finding | None:
    """What is wrong with a redirect, if anything is."""
    here, to = origin(url), origin(there)
    if status == 303:  # RFC 9110 §15.4.4: go on with GET
        return Ailment.redirect_status.found(url=url, status=status)
    if here.scheme == "https" and to.scheme == "http":
        return Ailment.redirect_plain.found(url=url, target=there)
    if here.host != to.host or (here.scheme == to.scheme and here.port != to.port):
        return Ailment.redirect_elsewhere.found(url=url, target=there)
    if not urlsplit(there).path.endswith("/"):
        return Ailment.redirect_slash.found(url=url, target=there)
    return None


def _followed(visit: Visit, url: str, there: str) -> Finding:
    """That the redirect ends somewhere; the server is there, unless a path was given."""
    place = there
    for _ in range(HOPS):
        answer = _strange(visit, place)
        if answer.status not in REDIRECTS:
            break
        place = target(answer)
        if wrong := misled(there, answer.status, place):
            return wrong
    else:
        return Ailment.redirect_loop.found(url=url)
    if answer.status in (404, 410):
        return Ailment.redirect_nowhere.found(url=url, target=place, status=answer.status)
    if urlsplit(visit.url).path in ("", "/"):
        visit.endpoint = place
    return ok(f"/.well-known/carddav leads to {place}")


def txt(visit: Visit) -> Iterator[Finding]:
    if not visit.path:
        return
    answer = _strange(visit, f"{visit.root}{visit.path}")
    if answer.status in (207, 401, *REDIRECTS):
        yield ok(f"{visit.path}, which the zone names, is answered")
    else:
        yield Ailment.txt_path.found(path=visit.path, status=answer.status)


def clock(visit: Visit) -> Iterator[Finding]:
    date = _strange(visit, visit.endpoint).headers.get("date", "")
    try:
        off = abs(parsedate_to_datetime(date).timestamp() - time.time()) / 60
    except ValueError:
        return  # RFC 9110 §6.6.1: a server without a clock sends none
    if off > MINUTES_OFF:
        yield Ailment.clock.found(minutes=int(off))
    else:
        yield ok("the clock is right")


def challenge(visit: Visit) -> Iterator[Finding]:
    """Nobody gets in without a login, and whoever has none is asked for it."""
    url, answer = visit.endpoint, _strange(visit, visit.endpoint)
    if answer.status in REDIRECTS:
        there = target(answer)
        if wrong := misled(url, answer.status, there):
            yield wrong
            return
        answer = _strange(visit, there)
    status = answer.status
    visit.pycarddav = "pycarddav" in answer.headers.get("www-authenticate", "")
    if status == 207:
        yield Ailment.open_to_all.found(url=url)
    elif status == 401 and "basic" in answer.headers.get("www-authenticate", "").lower():
        yield ok("who does not log in is asked to")
    elif status == 401:
        yield Ailment.no_challenge.found(url=url)
    else:
        raise _turned_away(url, answer).stop(url=url, status=status, **_words(answer))


def login(visit: Visit) -> Iterator[Finding]:
    if not visit.user:
        raise Ailment.anonymous.stop()
    answer = visit.propfind(visit.endpoint, DAV.current_user_principal)
    if answer.status == 401:
        raise _refused(visit, answer).stop(user=visit.user)
    if answer.status == 429:
        raise Ailment.throttled.stop(seconds=answer.headers.get("retry-after", "some"))
    if answer.status != 207:
        facts = {"url": visit.endpoint, "status": answer.status, **_words(answer)}
        raise _turned_away(visit.endpoint, answer).stop(**facts)
    yield ok(f"{visit.user} is let in")


def _refused(visit: Visit, answer: Answer) -> Ailment:
    """Which of the reasons for a 401: pycarddav has other words for a stranger than for a guess."""
    if not visit.pycarddav:
        return Ailment.login_refused
    same = answer.body == _strange(visit, visit.endpoint).body
    return Ailment.stripped if same else Ailment.wrong_password


def _turned_away(url: str, answer: Answer) -> Ailment:
    """What an answer to PROPFIND speaks of that is neither 207 nor 401."""
    status = answer.status
    if status in GATEWAY and not is_dav(answer):
        return Ailment.bad_gateway
    if status < 400:
        return Ailment.login_page
    if status == 403 and is_dav(answer):
        return Ailment.forbidden
    if status in NO_METHOD and not is_dav(answer):
        return Ailment.method_refused
    return Ailment.not_carddav if status < 500 else Ailment.server_error


def _words(answer: Answer) -> dict[str, str]:
    return {"method": "PROPFIND", "said": said(answer)}


def _strange(visit: Visit, url: str) -> Answer:
    """What somebody without a login is answered, who asks for what every client asks first.

    A site of files refuses every method but GET: there it is asked for the page.
    """
    body = asking(DAV.current_user_principal)
    answer = visit.stranger.request("PROPFIND", url, body, XML | {"Depth": "0"}, follow=False)
    if answer.status in NO_METHOD and not is_dav(answer):
        page = visit.stranger.request("GET", url, follow=False)
        if page.status in (200, 404, 410):
            return page
    return answer
