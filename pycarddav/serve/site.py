"""The composition root: from a configuration to a server.  The only place that picks the parts."""

from ..auth.basic import Basic
from ..auth.htpasswd import Htpasswd
from ..config.schema import Config
from ..protocol.app import App
from ..protocol.context import Limits
from ..store import Store
from ..store.filesystem import FilesystemStore
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


def server(config: Config) -> Server:
    """Bound, and ready to run; CannotListen, HtpasswdUnreadable."""
    served = app(config)
    application = Application(served.serve, served.base, served.limits.max_body_size)
    return Server(application, config.server.host, config.server.port, served.limits)
