"""The composition root: from a configuration to a server.  The only place that picks the parts."""

from ..auth.basic import Basic
from ..auth.htpasswd import Htpasswd
from ..config.schema import Config
from ..protocol.app import App
from ..protocol.context import Limits
from ..store import Store
from ..store.filesystem import FilesystemStore
from .tls import Certificate, CertificateUnusable
from .waitress import Server
from .wsgi import Application


def store(config: Config) -> Store:
    return FilesystemStore(config.storage.folder)


def limits(config: Config) -> Limits:
    largest = config.server.max_body_size
    return Limits(max_body_size=largest, max_resource_size=min(largest, Limits.max_resource_size))


def app(config: Config) -> App:
    """Everything but the socket; HtpasswdUnreadable."""
    users = Htpasswd(config.auth.htpasswd, config.auth.accept, config.rights.admins)
    return App(store(config), Basic([users]), limits(config), config.server.base_path)


def certificate(config: Config) -> Certificate | None:
    """What to encrypt with, if this server is to do it itself; CertificateUnusable."""
    chain, key = config.server.certificate, config.server.key
    if key and not chain:
        raise CertificateUnusable("[server] key is of no use without [server] certificate")
    return Certificate(chain, key) if chain else None


def server(config: Config, certificate: Certificate | None) -> Server:
    """Bound, and ready to run; CannotListen, HtpasswdUnreadable."""
    served, where = app(config), config.server
    application = Application(served.serve, served.base, served.limits.max_body_size)
    return Server(application, where.host, where.port, served.limits, certificate)
