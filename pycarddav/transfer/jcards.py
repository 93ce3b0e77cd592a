"""Files of jCards (RFC 7095): one, or a list of them."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from ..dav.errors import Error
from ..vcard import jcard
from .sources import Found

ENDINGS = (".json", ".jcard")
_LARGEST = 32 * 2**20  # octets: JSON is read as a whole, and takes some times as much memory


def read(where: str, file: BinaryIO) -> Iterator[Found]:
    """A card of 4.0 for each jCard."""
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        yield Found(where, 0, b"", problem=f"a file of jCards has at most {_LARGEST} octets")
        return
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield Found(where, 0, data, problem=f"this is not JSON: {error}")
        return
    several = isinstance(found, list) and all(isinstance(item, list) for item in found)
    for item in found if several else [found]:
        one = json.dumps(item).encode()
        try:
            yield Found(where, 0, jcard.to_vcard(one))
        except Error as error:
            yield Found(where, 0, one, problem=str(error))
