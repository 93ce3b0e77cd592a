"""Conversations of real clients, from their first request on, get the answers that each needs."""

from base64 import b64encode
from pathlib import Path

import pytest
from exchange import Exchange, Known

from pycarddav.model import Principal
from pycarddav.protocol.app import App

RECORDED = Path(__file__).parent / "clients" / "recorded"
CLIENTS = sorted(path.name for path in RECORDED.iterdir() if path.is_dir())
ALICE = "Basic " + b64encode(b"alice:secret").decode()


def login(request):
    return Principal("alice") if request.header("authorization") == ALICE else None


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_answers_that_it_needs(empty_store, client):
    app = App(empty_store, login)
    known: Known = {}
    for path in sorted((RECORDED / client).glob("*.http")):
        exchange = Exchange.read(path)
        exchange.check(app.serve(exchange.request(known)), known)
