"""The HTTP methods, one module each: ``(resource, ctx) -> Response``."""

from . import delete, get, mkcol, options, propfind, proppatch, put, report

__all__ = ["delete", "get", "mkcol", "options", "propfind", "proppatch", "put", "report"]
