"""The texts of a book in each form; those that clients ask for first are made before they ask."""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress

from ... import __version__, floor
from ...dav.errors import NoConversion
from ...vcard import address_data
from ...vcard.address_data import AddressData
from .. import etag
from . import texts
from .mirror import Mirror
from .texts import Texts

_IN_MEMORY = 50  # texts


class Forms:
    """Texts of the cards that *mirror* knows, in the folder *state*."""

    def __init__(self, mirror: Mirror, state: str) -> None:
        self._mirror, self._state = mirror, state
        self._kept: dict[str, Texts] = {}  # by form
        self._unready: list[str] | None = None  # names; None before anybody has looked

    def texts(self, form: str) -> Texts:
        """The texts of this form that are kept."""
        if not (found := self._kept.get(form)):
            title = f"{__version__} {address_data.REVISION} {form}"
            found = self._kept.setdefault(form, Texts(self._state, form, title))
        return found

    def all(self) -> list[Texts]:
        """The texts of every form that are kept."""
        return [self.texts(form) for form in texts.forms(self._state)]

    def save(self, form: str, new: Mapping[str, bytes]) -> None:
        """As the Store's save_texts()."""
        members = self._mirror.snapshot.members
        self.texts(form).add(new, lambda: [member.etag for member in members.values()])

    def expect(self, names: Collection[str]) -> None:
        """Let these cards, which are new, be made ready."""
        if self._unready is not None:
            self._unready += names

    def make_ready(self, until: float) -> None:
        """Keep the texts that clients will ask for first, or as many as there is time for."""
        while time.monotonic() < until and (names := self._some_unready()):
            self._make_ready(names)

    def _make_ready(self, names: Collection[str]) -> None:
        members, form = self._mirror.snapshot.members, AddressData()
        etags = {name: member.etag for name in names if (member := members.get(name))}
        known = self.texts(form.version).get(etags.values())
        new = {}
        for name in [name for name in etags if etags[name] not in known]:
            with floor.taken(), suppress(NoConversion):
                data = self._mirror.folder.read(name)
                if data is not None and etag(data) == etags[name]:
                    new[etags[name]] = form.ready(data)
        self.save(form.version, new)

    def _some_unready(self) -> list[str]:
        """Each of them once."""
        if not self._mirror.recalled:  # it is just being opened
            return []
        if self._unready is None:
            etags = {name: member.etag for name, member in self._mirror.snapshot.members.items()}
            self._unready = self.texts(AddressData.version).lacking(etags)
        some, self._unready = self._unready[:_IN_MEMORY], self._unready[_IN_MEMORY:]
        return some
