"""Pictures, sounds and keys: ENCODING=b with a TYPE in 3.0, a data: URI in 4.0 (RFC 2397)."""

import re
from base64 import b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from urllib.parse import unquote_to_bytes

from .lines import Line

BINARY = ("PHOTO", "LOGO", "SOUND", "KEY")
_FAMILY = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}

# The TYPE of 3.0 where it is not simply the subtype; of several, the first is written.
_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "TIFF": "image/tiff",
    "TIF": "image/tiff",
    "SVG": "image/svg+xml",
    "WAVE": "audio/wav",
    "WAV": "audio/wav",
    "MP3": "audio/mpeg",
    "PGP": "application/pgp-keys",
    "X509": "application/pkix-cert",
    "X.509": "application/pkix-cert",
}
_TYPES = {media: kind for kind, media in reversed(_MEDIA_TYPES.items())}
_UNKNOWN = "application/octet-stream"
_MAX_ESCAPES = 10_000  # of a data: URI without base64; decoding takes 190 octets for each
_NO_MEDIA = {"home", "work", "pref"}  # TYPEs that say something else

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"-----BEGIN PGP", "application/pgp-keys"),
)
_TOKEN = re.compile(r"[\w.+-]+", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:;[\w.+=-]+)*", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
BLANKS = str.maketrans("", "", " \t\n\r\f\v")


def up(line: Line) -> list[Line]:
    """A 3.0 picture, sound or key as 4.0 has it."""
    value = line.value.strip()
    if not value:
        return []  # Outlook writes empty ones, and an empty URI breaks DAVx⁵'s photos
    if value[:5].lower() == "data:":  # InfCloud writes it after ENCODING=b, too
        return [_plain(line)._replace(value=_unescaped(value))]
    if line.kind in ("uri", "url") or (not line.param("ENCODING") and _URI.match(value)):
        media, line = _media_type(_plain(line))
        value = _unescaped(value)
        return [line.with_param("MEDIATYPE", *filter(None, [media]))._replace(value=value)]
    if line.kind == "text" or (line.name == "KEY" and not line.param("ENCODING")):
        return [line.with_param("VALUE", "text")]
    media, line = _media_type(_plain(line))
    data = value.translate(BLANKS)
    return [line._replace(value=f"data:{media or _sniffed(data)};base64,{data}")]


def _plain(line: Line) -> Line:
    return line.with_param("ENCODING").with_param("VALUE")


def _media_type(line: Line) -> tuple[str, Line]:
    """The media type that a 3.0 line's parameters tell, and the line without them."""
    if _MEDIA_TYPE.fullmatch(line.one("MEDIATYPE")):
        return line.one("MEDIATYPE"), line.with_param("MEDIATYPE")
    for kind in line.param("TYPE"):
        if kind.lower() not in _NO_MEDIA and _TOKEN.fullmatch(kind):
            others = [other for other in line.param("TYPE") if other != kind]
            return _from_type(line.name, kind), line.with_param("TYPE", *others)
    return "", line


def _from_type(name: str, kind: str) -> str:
    return _MEDIA_TYPES.get(kind.upper(), f"{_FAMILY[name]}/{kind.lower()}")


def _sniffed(data: str) -> str:
    try:
        start = a2b_base64(data[:32])
    except (NotBase64, ValueError):
        return _UNKNOWN
    if start[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(start[8:12], _UNKNOWN)
    return next((media for magic, media in _MAGIC if start.startswith(magic)), _UNKNOWN)


def down(line: Line) -> list[Line]:
    """A 4.0 picture, sound or key as 3.0 has it."""
    value = line.value.strip()
    if not value:
        return []
    if line.kind == "text":
        return [line]
    if value[:5].lower() != "data:" or value.count("%") > _MAX_ESCAPES:
        media = "".join(line.param("MEDIATYPE")[:1])
        return [_typed(line.with_param("MEDIATYPE").with_param("VALUE", "uri"), media)]
    head, _, data = _unescaped(value)[5:].partition(",")
    media, _, encoding = head.rpartition(";")
    if encoding.lower() == "base64":
        data = data.translate(BLANKS)
    else:
        media, data = head, b64encode(unquote_to_bytes(data)).decode()
    line = line.with_param("MEDIATYPE").with_param("VALUE").with_param("ENCODING", "b")
    unknown = media == _UNKNOWN == _sniffed(data)
    return [_typed(line._replace(value=data), "" if unknown else media or "text/plain")]


def _typed(line: Line, media: str) -> Line:
    """The line with TYPE where that tells the media type, and MEDIATYPE where it does not."""
    media = media.strip().lower()
    if not media:
        return line
    kind = _TYPES.get(media, media.partition("/")[2].upper())
    if _TOKEN.fullmatch(kind) and _from_type(line.name, kind) == media:
        return line.with_param("TYPE", kind, *line.param("TYPE"))
    return line.with_param("MEDIATYPE", media)


def _unescaped(uri: str) -> str:
    """A URI in which somebody has escaped ``;`` and ``,`` as in text."""
    if "\\" not in uri:
        return uri
    return uri.replace("\\,", ",").replace("\\;", ";").replace("\\:", ":")
