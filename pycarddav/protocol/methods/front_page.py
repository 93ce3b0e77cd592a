"""GET of the root: for a person who has typed the address into a browser."""

from html import escape

from ...dav.names import DAV
from ...model import AddressBook, Root
from ..context import Context
from ..messages import Response
from ..registry import method
from ..tree import books

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>pycarddav</title>
<h1>pycarddav</h1>
<p>This is an address book server. Phones, computers and mail programs keep their contacts
the same over CardDAV.</p>
<h2>To set one up</h2>
<p>Add an account of the kind <b>CardDAV</b>, and enter</p>
<ul>
<li>server: <code>{server}</code></li>
<li>user name: <code>{user}</code></li>
<li>password: the one that you have just given</li>
</ul>
<h2>Your address books</h2>
<p>Each link downloads a whole book as one file.</p>
<ul>
{books}
</ul>
</html>
"""


@method("GET", "HEAD", on=Root, needs=DAV.read, judges=True)
def front_page(root: Root, ctx: Context) -> Response:
    listed = "\n".join(_item(book, ctx) for book in books(ctx.principal.name, ctx))
    page = PAGE.format(
        server=escape(ctx.request.origin + ctx.href(root)),
        user=escape(ctx.principal.name),
        books=listed,
    )
    return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())


def _item(book: AddressBook, ctx: Context) -> str:
    name = escape(book.displayname or book.name)
    return f'<li><a href="{escape(ctx.href(book))}">{name}</a></li>'
