"""The HTTP methods, one module each: ``(resource, ctx) -> Response``."""

from . import delete, front_page, get, mkcol, options, post, propfind, proppatch, put, report

__all__ = [
    "delete",
    "front_page",
    "get",
    "mkcol",
    "options",
    "post",
    "propfind",
    "proppatch",
    "put",
    "report",
]
