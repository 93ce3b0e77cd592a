"""What goes wrong below, as what a command says about it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..auth import DoorUnusable
from ..auth.accounts import UserExists, UserNotFound
from ..auth.htpasswd import HtpasswdUnreadable
from ..auth.names import UserNameRefused
from ..auth.passwords import PasswordRefused
from ..auth.tokens import TokenExists, TokenNotFound, TokenRefused
from ..dav.errors import BadRequest, Conflict, Error, Forbidden, NotFound
from ..serve.sockets import CannotListen
from ..serve.tls import CertificateUnusable
from .console import Exit, Failure


@contextmanager
def failures() -> Iterator[None]:
    """Every error that is not a bug, as a Failure."""
    try:
        yield
    except UserNotFound as error:
        raise Failure(f"there is no user {error}", code=Exit.NOT_FOUND) from error
    except UserExists as error:
        raise Failure(f"there is a user {error} already", code=Exit.CONFLICT) from error
    except TokenExists as error:
        raise Failure(f"there is an app password {error} already", code=Exit.CONFLICT) from error
    except TokenNotFound as error:
        raise Failure(f"there is no app password {error}", code=Exit.NOT_FOUND) from error
    except (
        UserNameRefused,
        TokenRefused,
        PasswordRefused,
        BadRequest,
        Forbidden,
        DoorUnusable,
    ) as error:
        raise Failure(str(error), code=Exit.USAGE) from error
    except NotFound as error:
        raise Failure(str(error), code=Exit.NOT_FOUND) from error
    except Conflict as error:
        raise Failure(str(error), code=Exit.CONFLICT) from error
    except (Error, HtpasswdUnreadable, CertificateUnusable, CannotListen) as error:
        raise Failure(str(error)) from error
    except BrokenPipeError:
        raise  # whoever read our output has left: nothing is wrong
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}") from error
