"""The layers of docs/architecture.md, and what must be true of every registration."""

import ast
from itertools import product
from pathlib import Path

import pytest
from conftest import BOOK, HOME, vcard

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import AddressBook, Card, Entry, Home, Principal, PrincipalCollection, Root
from pycarddav.protocol import app
from pycarddav.protocol.registry import method, prop, report

PACKAGE = Path(app.__file__).parent.parent
LAYERS = [
    "haste", "dav", "client", "vcard", "model", "store", "protocol", "transfer", "auth", "web",
    "config", "serve", "doctor", "cli", "__main__",
]  # fmt: skip
PROTOCOL = [
    "registry", "messages", "indexes", "cache", "compression", "witness", "context", "urls",
    "access", "locks", "guards", "quota", "tree", "search", "propfind", "prefer", "prerender",
    "stencil", "texts", "members", "bodies", "properties", "reports", "methods", "app",
]  # fmt: skip
PURE = ["dav", "vcard"]
INPUT_AND_OUTPUT = {"os", "socket", "subprocess", "pathlib", "tempfile", "logging", "waitress"}


def imports(path):
    """(the parts of our own module that is imported, is it inside a function), for each import."""
    here = path.relative_to(PACKAGE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            for alias in node.names:
                there = (*base, *(node.module.split(".") if node.module else [alias.name]))
                yield there, node.col_offset > 0


def modules(*folders):
    return [path for folder in folders for path in sorted((PACKAGE / folder).rglob("*.py"))]


def test_every_import_points_down():
    for path in modules(*(layer for layer in LAYERS if layer != "__main__")):
        here = path.relative_to(PACKAGE).with_suffix("").parts
        for there, inside in imports(path):
            at = f"{'.'.join(here)} imports {'.'.join(there)}"
            assert not inside, f"{at} inside a function"
            if there[0] in LAYERS:  # what is left is __version__
                assert LAYERS.index(there[0]) <= LAYERS.index(here[0]), at
            if here[0] == there[0] == "protocol":
                assert PROTOCOL.index(there[1]) <= PROTOCOL.index(here[1]), at


def test_the_map_has_every_module_of_the_protocol():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = {path.name for path in (PACKAGE / "protocol").glob("*.py")} - {"__init__.py"}
    assert {name for name in files if name not in text} == set()


def test_every_layer_is_named():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(LAYERS)


def test_the_vocabulary_and_the_cards_do_no_io():
    for path in modules(*PURE):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            assert not INPUT_AND_OUTPUT & {name.split(".")[0] for name in names}, path


def test_books_are_listed_for_the_one_who_asks():
    """A listing of its own would show what a limited login must not see; the quota is a sum."""
    listing = [path.name for path in modules("protocol") if "store.books" in path.read_text()]
    assert listing == ["quota.py", "tree.py"]


def test_only_one_file_knows_wsgi_and_two_know_waitress():
    knowing = {
        word: [p.relative_to(PACKAGE).as_posix() for p in modules(".") if word in p.read_text()]
        for word in ("wsgi.input", "import waitress", "from waitress")
    }
    assert knowing["wsgi.input"] in ([], ["serve/wsgi.py"])
    assert {*knowing["import waitress"], *knowing["from waitress"]} == {
        "serve/connection.py",
        "serve/waitress.py",
    }


KINDS = [Root, PrincipalCollection, Principal, Home, AddressBook, Entry, Card]
PATHS = {
    Root: "/", PrincipalCollection: "/.principals/", Principal: "/.principals/alice/",
    Home: HOME, AddressBook: BOOK, Entry: BOOK + "ada.vcf",
}  # fmt: skip


@pytest.mark.parametrize("kind", PATHS, ids=lambda kind: kind.__name__)
def test_every_property_of_every_type_answers(client, kind):
    client.put("ada.vcf", vcard("ada", "Ada"))
    names = [item.name for item in prop.on(Card if kind is Entry else kind)]
    answer = client.propfind(PATHS[kind], *names)[PATHS[kind]]
    absent = {name for name, value in answer.items() if value == 404}
    assert set(answer) == set(names)
    may_be_unset = {
        CARDDAV.addressbook_description, CARDDAV.principal_address, DAV.displayname,
        DAV.quota_available_bytes,
    }  # fmt: skip
    assert absent <= may_be_unset


@pytest.mark.parametrize("kind", PATHS, ids=lambda kind: kind.__name__)
def test_what_is_allowed_is_what_is_served(client, kind):
    client.put("ada.vcf", vcard("ada", "Ada"))
    allowed = client("OPTIONS", PATHS[kind]).headers["Allow"].split(", ")
    assert allowed == [item.name for item in method.on(kind)]
    for name in {"GET", "PUT", "MKCOL", "LOCK", "PATCH", "TRACE", "BREW"} - set(allowed):
        response = client(name, PATHS[kind], vcard("ada", "Ada"))
        assert (response.status, response.headers["Allow"].split(", ")) == (405, allowed)


def test_a_name_is_registered_once():
    for table, kind in product((prop, report, method), KINDS):
        names = [item.name for item in table.on(kind)]
        assert len(names) == len(set(names))
