"""A token issuer on a free port: oauthlib's server, with tokens that joserfc signs.

Run as a program, it says its port. `/rotate` takes its key away and makes another.
"""

import json
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from oauthlib.oauth2 import LegacyApplicationServer, RequestValidator

ISSUER = "https://sso.example.org/"
CLIENT = ("pycarddav client", "s%cret +&")
PASSWORDS = {"alice": "secret", "bob": "hunter2"}


class Registrar(RequestValidator):
    """Whom and what the issuer knows."""

    def __init__(self):
        self.claims = {}
        self._numbers = count(1)
        self.rotate()

    def rotate(self):
        kid = f"key{next(self._numbers)}"
        self.key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})

    def sign(self, request):
        """A token as the request asks for it: `not_before` and `lifetime` are in seconds."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": request.user, "aud": request.audience.split(), "iat": now,
            "nbf": now + int(request.not_before), "exp": now + int(request.lifetime),
        }  # fmt: skip
        token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
        self.claims[token] = claims
        return token

    def authenticate_client(self, request, *args):

        encoded = request.headers.get("Authorization", "").removeprefix("Basic ")
        sent = b64decode(encoded).decode().split(":")
        request.client = self
        return tuple(unquote_plus(word) for word in sent) == CLIENT

    client_id = CLIENT[0]

    def validate_user(self, username, password, client, request, *args):
        request.user = username
        return PASSWORDS.get(username) == password

    def validate_grant_type(self, *args):
        return True

    def get_default_scopes(self, *args):
        return ["contacts"]

    def validate_scopes(self, *args):
        return True

    def save_bearer_token(self, token, request, *args):
        """They are in `claims`."""

    def introspect_token(self, token, *args):
        claims = self.claims.get(token)
        return dict(claims) if claims and claims["exp"] > time.time() else None

    def revoke_token(self, token, *args):
        self.claims.pop(token, None)


registrar = Registrar()
server = LegacyApplicationServer(registrar, token_generator=registrar.sign)
ENDPOINTS = {
    "/token": server.create_token_response,
    "/introspect": server.create_introspect_response,
    "/revoke": server.create_revocation_response,
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/rotate":
            registrar.rotate()
            self._answer({}, "", 200)
        else:
            endpoint = ENDPOINTS[self.path]
            self._answer(*endpoint(ISSUER + self.path, "POST", body, dict(self.headers)))

    def do_GET(self):

        keys = KeySet([registrar.key]).as_dict(private=False)
        self._answer({"Content-Type": "application/json"}, json.dumps(keys), 200)

    def _answer(self, headers, body, status):
        data = (body or "").encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Nothing: standard output is for the port."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        print(listening.server_address[1], flush=True)
        listening.serve_forever()
