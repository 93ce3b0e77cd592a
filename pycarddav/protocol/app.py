"""A request's whole journey."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..dav.errors import Error, MethodNotAllowed, NotFound, Unauthorized
from ..model import AddressBook, Principal, Resource, Unmapped
from ..store import Store
from . import methods, properties, reports
from .access import see
from .bodies import XML_TYPE
from .cache import Caches
from .compression import negotiated
from .context import Context, Limits
from .guards import guarded
from .messages import Request, Response
from .registry import method
from .urls import resolve
from .witness import Witness

__all__ = ["App", "methods", "properties", "reports"]  # the last three fill the tables

log = logging.getLogger(__name__)

# What a client reports as "sync failed": why, only the log tells whoever looks after the server.
REFUSALS = (400, 403, 409, 413, 415, 507)
WELL_KNOWN = "/.well-known/carddav"
FIRST_BOOK = AddressBook("", "contacts", displayname="Contacts")


@dataclass(frozen=True)
class App:
    """The server, without a socket: a store, and who may come in."""

    store: Store
    authenticate: Callable[[Request], Principal | None]
    limits: Limits = field(default_factory=Limits)
    base: str = ""
    caches: Caches = field(default_factory=Caches)

    def serve(self, request: Request) -> Response:
        """The response to *request*, come what may."""
        if request.path.rstrip("/") == WELL_KNOWN:  # RFC 6764 §5: whoever asks, by any method
            return Response(307, {"Location": f"{self.base}/"})
        user = ""
        try:
            principal = self.authenticate(request)
            if principal is None:
                raise Unauthorized("who are you?")
            user = principal.name
            response = self.handle(request, principal)
        except Error as error:
            if error.public:
                log.warning("%s %s: %s", request.method, json.dumps(request.path[:200]), error)
            elif error.status in REFUSALS and user:
                why = json.dumps(str(error)[:200])
                log.info("refused %s %s %s", request.method, json.dumps(request.path[:200]), why)
            response = Response(error.status, XML_TYPE | error.headers(), error.body(self.base))
        except Exception:
            log.exception("%s %s", request.method, request.path)
            response = Response(500)
        return response if response.user else response.made_for(user)

    def handle(self, request: Request, principal: Principal) -> Response:
        """The response to a request that can be served; Error."""
        self.welcome(principal)
        store = Witness(self.store)
        resource = resolve(request.path, store)
        see(principal, resource)
        action = method.find(request.method, type(resource))
        if action is None:
            raise self.refusal(resource)
        ctx = Context(request, principal, store, self.limits, self.base, self.caches)
        response = negotiated(guarded(action, resource, ctx), request)
        return response.made_for(principal.name, self._as_long_as(principal, store, ctx))

    def _as_long_as(
        self, principal: Principal, store: Witness, ctx: Context
    ) -> Callable[[Request], bool] | None:
        """What says whether an answer given in *ctx* holds; None if that cannot be told."""
        as_seen = store.holds()
        if as_seen is None or ctx.unread or ctx.reported:
            return None
        return lambda request: self.authenticate(request) == principal and as_seen()

    def welcome(self, principal: Principal) -> None:
        """At the first login there is a home, and a book in it: phones do not make one."""
        if self.store.home(principal.name) is None:
            self.store.save_book(replace(FIRST_BOOK, owner=principal.name))

    @staticmethod
    def refusal(resource: Resource | Unmapped) -> Error:
        """Why a method cannot be had here: 404, or 405 with Allow."""
        allowed = [item.name for item in method.on(type(resource))]
        if "PROPFIND" not in allowed:
            return NotFound("there is nothing here")
        return MethodNotAllowed(allowed)
