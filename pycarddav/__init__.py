"""pycarddav: an address book server (CardDAV) that keeps contacts as folders of .vcf files."""

__version__ = "0.1.0"
