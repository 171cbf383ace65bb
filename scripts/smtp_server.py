"""A mail server for tests: SMTP as aiosmtpd speaks it, with STARTTLS and sign-in, and letters kept as files.

Usage: smtp_server.py FOLDER. Listens on three free ports of 127.0.0.1: one that wants STARTTLS and a user, one that
speaks TLS from the start and wants a user, one that wants nothing. Writes FOLDER/ports.json when it is ready, and each
accepted letter as FOLDER/letters/NUMBER.json with its envelope and its raw text. The authority that signed its
certificate is FOLDER/ca.pem. What it answers depends on the recipient's name: defer… is put off (451), reject… is
refused (550), hang… gets no answer.
"""

import asyncio
import itertools
import json
import pathlib
import ssl
import sys

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = b"rhiza", b"correct-horse-battery"


class Handler:
    def __init__(self, folder: pathlib.Path, numbers):
        self.folder, self.numbers = folder, numbers

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.lower()
        if name.startswith("hang"):
            await asyncio.sleep(3600)
        if name.startswith("defer"):
            return "451 4.3.0 try again later"
        if name.startswith("reject"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = next(self.numbers)
        letter = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or getattr(server, "implicit_tls", False),
            "user": (session.auth_data or b"").decode(),
            "text": envelope.original_content.decode("utf-8", "replace"),
        }
        path = self.folder / f"{number:06}.json"
        path.with_suffix(".part").write_text(json.dumps(letter))
        path.with_suffix(".part").rename(path)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=good, auth_data=data.login if good else None)


async def main(folder: pathlib.Path) -> None:
    letters = folder / "letters"
    letters.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    handler = Handler(letters, itertools.count(1))
    loop = asyncio.get_running_loop()
    signed_in = {"authenticator": authenticate, "auth_required": True}

    def starttls():
        return SMTP(handler, tls_context=tls, require_starttls=True, enable_SMTPUTF8=True, **signed_in)

    def implicit():
        server = SMTP(handler, auth_require_tls=False, enable_SMTPUTF8=True, **signed_in)
        server.implicit_tls = True
        return server

    def plain():
        return SMTP(handler, enable_SMTPUTF8=True)

    ports = {}
    servers = []
    for name, factory, context in (("starttls", starttls, None), ("tls", implicit, tls), ("plain", plain, None)):
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context)
        ports[name] = server.sockets[0].getsockname()[1]
        servers.append(server)
    part = folder / "ports.part"
    part.write_text(json.dumps(ports))
    part.rename(folder / "ports.json")
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(pathlib.Path(sys.argv[1])))
