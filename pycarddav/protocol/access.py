"""Who may do what (RFC 3744): a pure function of principal and resource."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..dav.errors import NeedPrivileges, NotFound
from ..dav.names import DAV
from ..model import AddressBook, Home, Principal, Resource, Unmapped, UnmappedBook
from .urls import book_name, owner, parent


@dataclass(frozen=True)
class Privilege:
    """A node of the tree in ``supported-privilege-set`` (§5.3)."""

    name: str
    description: str
    contains: tuple["Privilege", ...] = ()

    def names(self) -> Iterator[str]:
        """This privilege and every one it contains."""
        yield self.name
        for privilege in self.contains:
            yield from privilege.names()


READ = Privilege(DAV.read, "Read")
READ_ACL = Privilege(DAV.read_acl, "Read who may do what")
READ_OWN = Privilege(DAV.read_current_user_privilege_set, "Read what you may do")
WRITE = Privilege(
    DAV.write,
    "Write",
    (
        Privilege(DAV.write_properties, "Change properties"),
        Privilege(DAV.write_content, "Change cards"),
        Privilege(DAV.bind, "Add members"),
        Privilege(DAV.unbind, "Remove members"),
    ),
)
UNLOCK = Privilege(DAV.unlock, "Remove locks of others")
ALL = Privilege(DAV.all, "Everything", (READ, READ_ACL, READ_OWN, WRITE, UNLOCK))

# Clients look for leaves or for aggregates, so both are told: DAVx⁵, Evolution and KDE differ.
# Nobody holds DAV:all: it would contain write-acl, and access is not changed over the protocol.
VIEWER = (*READ.names(), *READ_ACL.names(), *READ_OWN.names())
OWNER = (*VIEWER, *WRITE.names(), *UNLOCK.names())
NOTHING: tuple[str, ...] = ()


Grant = tuple[Principal | None, tuple[str, ...]]


def granted(resource: Resource | Unmapped) -> tuple[Grant, ...]:
    """The access control list: who (None: everyone who has logged in), and which privileges."""
    whose = owner(resource)
    return ((Principal(whose), OWNER),) if whose else ((None, VIEWER),)


def privileges(principal: Principal, resource: Resource | Unmapped) -> tuple[str, ...]:
    """What *principal* may do there; on an unmapped URL, what they may do in the collection."""
    admin = principal.admin and not principal.limited
    for who, held in granted(resource):
        if who is None or admin or who.name == principal.name:
            return _left(held, principal, resource) if principal.limited else held
    return NOTHING


def _left(
    held: tuple[str, ...], principal: Principal, resource: Resource | Unmapped
) -> tuple[str, ...]:
    """What the limits of a login leave of what its user holds.

    Other books than its own do not exist for it, and in the home it makes and removes none.
    """
    reads, name = principal.read_only, book_name(resource)
    if principal.books is not None:
        if name is not None and name not in principal.books:
            return NOTHING
        reads = reads or name is None or isinstance(resource, UnmappedBook)
    return tuple(item for item in held if item in VIEWER) if reads else held


def see(principal: Principal, resource: Resource | Unmapped) -> None:
    """To whoever may not read a resource it does not exist."""
    if DAV.read not in privileges(principal, resource):
        raise NotFound("there is nothing here")


def require(privilege: str | None, principal: Principal, resource: Resource | Unmapped) -> None:
    """NeedPrivileges, naming the resource on which the privilege is missing."""
    on_parent = privilege in (DAV.bind, DAV.unbind)  # they are about the collection (§3.9)
    place = resource
    if on_parent and isinstance(resource, AddressBook):
        place = Home(resource.owner)
    if privilege and privilege not in privileges(principal, place):
        raise NeedPrivileges(parent(resource) if on_parent else resource.path, privilege)
