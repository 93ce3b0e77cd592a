"""The live properties, each module named after the standard that defines them."""

from . import calendarserver, rfc3253, rfc3744, rfc4331, rfc4918, rfc5842, rfc5995, rfc6352, rfc6578

__all__ = [
    "calendarserver",
    "rfc3253",
    "rfc3744",
    "rfc4331",
    "rfc4918",
    "rfc5842",
    "rfc5995",
    "rfc6352",
    "rfc6578",
]
