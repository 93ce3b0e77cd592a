"""The reports, one module each: ``(resource, body, ctx) -> Response``."""

from . import addressbook_multiget, addressbook_query, sync_collection

__all__ = ["addressbook_multiget", "addressbook_query", "sync_collection"]
