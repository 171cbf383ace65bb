"""The server against hostile bytes: what two readers of HTTP could understand differently, what never ends, what is too
deep or too large, and paths that try to leave their folder."""

import json
import re
import socket
import time

import harness
import pytest

pytestmark = pytest.mark.skipif(harness.oracle_run(), reason="how Rhiza itself answers")

HIDDEN = b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n\r\n"


def exchange(server, sent: bytes, seconds: float = 3.0) -> bytes:
    """Everything the server says until it closes, or for so long."""
    host, port = server.wire().host, server.wire().port
    received = b""
    with socket.create_connection((host, port), timeout=seconds) as link:
        link.sendall(sent)
        link.settimeout(seconds)
        try:
            while piece := link.recv(65536):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return received


def statuses(received: bytes) -> list[int]:
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


POST = b"POST /api/v1/auth/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

# Each says in two ways where the request ends, or in a way that some readers accept and others do not.
AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + HIDDEN,
    "a list of lengths": POST + b"Content-Length: 2, 40\r\n\r\n{}" + HIDDEN,
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}" + HIDDEN,
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN,
    "an empty length": POST + b"Content-Length:\r\n\r\n{}" + HIDDEN,
    "an overflowing length": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}" + HIDDEN,
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}" + HIDDEN,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a space before chunked's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a NUL in a header": POST + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a space in a header's name": POST + b"X A: b\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a carriage return alone": POST + b"X-A: b\rContent-Length: 40\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a chunk size that overflows": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n" + HIDDEN,
    "a signed chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_what_two_readers_could_understand_differently_is_refused(server, shape):
    said = statuses(exchange(server, AMBIGUOUS[shape]))
    # One refusal and the end of the connection; what stood behind it is never taken for a request.
    assert len(said) <= 1 and all(400 <= status < 500 or status == 501 for status in said), said


def test_a_length_beside_chunks_does_not_count_and_ends_the_connection(server):
    """RFC 9112, 6.3: the chunks count. The connection must end, because whoever is in front may have counted otherwise."""
    sent = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN
    said = statuses(exchange(server, sent))
    assert len(said) == 1 and 400 <= said[0] < 500, said


def test_a_request_without_an_end_costs_one_connection(server):
    host, port = server.wire().host, server.wire().port
    slow = [socket.create_connection((host, port)) for _ in range(200)]
    for number, link in enumerate(slow):
        link.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: " if number % 2 else POST + b"Content-Length: 100\r\n\r\n{")
    started = time.monotonic()
    assert server.wire().get("/livez").status == 200
    assert time.monotonic() - started < 5
    for link in slow:
        link.close()


@pytest.mark.parametrize("path", ["/api/v1/auth/sign-in", "/api/2.0/mlflow/runs/log-metric", "/api/v1/projects"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"email":"' + b"a" * 2_000_000 + b'"}',
        b"\xff\xfe\x00",
        b'{"email":1e999}',
        b'{"email":"a","email":"b"}',
        b"",
        b"null",
        b'"' + b"\\ud800" + b'"',
    ],
    ids=["deep arrays", "deep objects", "2 MB", "no UTF-8", "infinite", "twice", "empty", "null", "half a character"],
)
def test_deep_huge_and_broken_bodies_get_a_clear_refusal(wire, path, body):
    answer = wire.request("POST", path, raw=body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 401, 413, 422), answer
    assert isinstance(answer.body, dict), answer
    assert wire.get("/livez").status == 200


def test_headers_cannot_be_endless(server):
    many = b"".join(b"X-%d: a\r\n" % n for n in range(2_000))
    assert statuses(exchange(server, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n"))[:1] == [431]
    long = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n"
    assert statuses(exchange(server, long))[:1] in ([431], [])
    address = b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    assert statuses(exchange(server, address))[:1] in ([414], [431], [])


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/assets/../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fetc/passwd",
        "/docs/..%5c..%5cetc%5cpasswd",
        "/assets/%00.js",
        "/api/2.0/mlflow-artifacts/artifacts/../../../../etc/passwd",
        "/api/2.0/mlflow-artifacts/artifacts/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/api/2.0/mlflow-artifacts/artifacts/%252e%252e/etc/passwd",
        "/get-artifact?run_uuid=x&path=../../../../etc/passwd",
    ],
)
def test_paths_do_not_leave_their_folder(wire, path):
    answer = wire.request("GET", path)
    assert b"root:" not in answer.raw, answer
    # The console's own page is what any unknown page of the console answers with.
    assert answer.status in (400, 404, 422) or b"<!doctype html>" in answer.raw.lower(), answer


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x=1", "a\nX-Injected: 1", "\u2028", "a\x00b"])
def test_nothing_said_becomes_a_header(wire, text):
    for answer in (
        wire.post("/api/v1/auth/sign-in", {"email": text, "password": text}),
        wire.post("/api/2.0/mlflow/experiments/create", {"name": text}),
        wire.get("/api/v1/audit", action=text),
    ):
        names = {name.lower() for name in answer.headers}
        assert "x-injected" not in names and "set-cookie" not in names, answer
        assert answer.status < 500, answer


@pytest.mark.parametrize("text", ["' OR 1=1 --", "'; DROP TABLE users; --", '" OR ""="', "1) UNION SELECT 1 --", "%27%20OR%201=1"])
def test_nothing_said_becomes_sql(wire, text):
    answers = [
        wire.post("/api/v1/auth/sign-in", {"email": text, "password": text}),
        wire.get("/api/v1/audit", action=text, subject=text),
        wire.get("/api/v1/projects", cursor=text),
        wire.post("/api/2.0/mlflow/experiments/search", {"filter": f"name = {json.dumps(text)}", "max_results": 5}),
        wire.post("/api/2.0/mlflow/runs/search", {"experiment_ids": [text], "order_by": [text]}),
    ]
    assert all(answer.status < 500 for answer in answers), answers
    assert answers[0].status in (401, 422, 429), answers[0]
    assert wire.get("/api/v1/me").status == 200
