"""The engine whose books are folders of .vcf files, for other programs to read and write too."""

from .engine import FilesystemStore
from .retention import Retention

__all__ = ["FilesystemStore", "Retention"]
