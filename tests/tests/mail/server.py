"""A real mail server for tests: aiosmtpd on a free port of the loopback.

It says where it listens on stderr, and prints every mail it accepts as one line of JSON to a file.
What it does is an object of JSON: `out`, the file; `tls`, which is "starttls", "implicit" or absent,
with `cert` and `key`; `auth`, the one mechanism it offers, for the user "user" with the password
"s3cret-word"; and `refuse`, a recipient it does not know.
"""

import asyncio
import base64
import hmac
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

HOW = json.loads(sys.argv[1])
USER, PASSWORD = b"user", b"s3cret-word"


class Server(SMTP):
    """The server, which offers one mechanism."""

    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1896.697170952@mail.test>"
        answer = await server.challenge_auth(challenge)
        digest = hmac.new(PASSWORD, challenge, "md5").hexdigest().encode()
        return AuthResult(success=answer == USER + b" " + digest, auth_data="CRAM-MD5")

    async def auth_XOAUTH2(self, server, args):
        expected = b"user=" + USER + b"\x01auth=Bearer " + PASSWORD + b"\x01\x01"
        return AuthResult(success=base64.b64decode(args[1]) == expected, auth_data="XOAUTH2")


class Handler:
    """Says yes to what it should, and writes mails down."""

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        # 1.4 of aiosmtpd offers nothing to be told about the body in 8 bits only.
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == HOW.get("refuse"):
            return "550 5.1.1 no such user: s3cret-word"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "hello": session.host_name,
            "from": envelope.mail_from,
            "options": envelope.mail_options,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or HOW.get("tls") == "implicit",
            "auth": session.auth_data if session.authenticated else None,
            "content": envelope.original_content.decode("utf-8"),
        }
        with open(HOW["out"], "a", encoding="utf-8") as out:
            out.write(json.dumps(mail) + "\n")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == USER and data.password == PASSWORD
    return AuthResult(success=right, handled=False, auth_data=mechanism)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(HOW["cert"], HOW["key"])
    return made


def make():
    offered = HOW.get("auth")
    known = {"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}
    return Server(
        Handler(),
        hostname="mail.test",
        enable_SMTPUTF8=True,
        tls_context=context() if HOW.get("tls") == "starttls" else None,
        require_starttls=HOW.get("tls") == "starttls",
        auth_require_tls=False,
        auth_exclude_mechanism=known - {offered},
        auth_required=offered is not None,
        authenticator=authenticate,
    )


async def main():
    implicit = context() if HOW.get("tls") == "implicit" else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=implicit)
    host, port = server.sockets[0].getsockname()
    print(f"listening address={host}:{port}", file=sys.stderr, flush=True)
    await server.serve_forever()


asyncio.run(main())
