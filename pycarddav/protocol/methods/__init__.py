"""The HTTP methods, one module each: ``(resource, ctx) -> Response``."""

from . import (
    copymove,
    delete,
    front_page,
    get,
    lock,
    mkcol,
    options,
    post,
    propfind,
    proppatch,
    put,
    report,
)

__all__ = [
    "copymove",
    "delete",
    "front_page",
    "get",
    "lock",
    "mkcol",
    "options",
    "post",
    "propfind",
    "proppatch",
    "put",
    "report",
]
