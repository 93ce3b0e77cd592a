"""The reports, one module each: ``(resource, body, ctx) -> Response``."""

from . import (
    acl_principal_prop_set,
    addressbook_multiget,
    addressbook_query,
    expand_property,
    principal_match,
    principal_property_search,
    principal_search_property_set,
    sync_collection,
)

__all__ = [
    "acl_principal_prop_set",
    "addressbook_multiget",
    "addressbook_query",
    "expand_property",
    "principal_match",
    "principal_property_search",
    "principal_search_property_set",
    "sync_collection",
]
