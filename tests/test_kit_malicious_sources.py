"""Kits are untrusted: addresses that run programs, repositories with settings of their own, and sizes."""

import http.server
import os
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from repositories import command, git, put, small, small_root
from strange_kits import Stage, assert_nothing_made, assert_refused, repository, running, stage

from mlops_scaffold.kits import source
from mlops_scaffold.processes import Bounds

__all__ = ["small", "small_root", "stage"]

SECRET = "s3cret"

ADDRESSES = {
    "names a program": ["ext::sh -c 'ATTACK'", "ext::sh", "fd::17", "other::address"],
    "is no place of a kit": [
        *("--upload-pack=ATTACK", "-oProxyCommand=ATTACK", "-", "--", "ssh://-oProxyCommand=ATTACK/x"),
        *("ssh://git@-oProxyCommand=ATTACK/x", "git@-oProxyCommand=ATTACK:y", "file:///x@--upload-pack=ATTACK"),
        *("file:///x@-x", "file:///x@a..b", "file:///x@a:b", "file:///x@a^b", "file:///x@a~1", "file:///x@a b"),
        *("file:///x@HEAD@{1}", "file:///x@" + "a" * 300, "/x@--upload-pack=ATTACK"),
    ],
    ", not over": [f"{name}://127.0.0.1:1/x" for name in ("http", "HTTP", "git", "ftp", "rad")],
    "holds a password": [
        *(f"https://u:{SECRET}@127.0.0.1:1/x", f"https://u:{SECRET}@127.0.0.1:1/x@--upload-pack=y"),
        *(f"https://u:{SECRET}::@127.0.0.1/x", f"https://u:{SECRET}@-x/y", f"ssh://u:{SECRET}@127.0.0.1:1/x"),
        *(f"https://{SECRET}@127.0.0.1:1/x", f"https://u%3a{SECRET}@127.0.0.1:1/x", f"https://h/x?token={SECRET}"),
        f"ftp://u:{SECRET}@h/x",
    ],
    "is a folder of another machine": ["//host/share", "\\\\host\\share"],
    "is empty or can't be printed": ["", "  ", "\x1b[2J", "file:///x@a\nb"],
    "has no kit.toml": ["/etc", "/proc/self/root/tmp"],
    "is no folder": ["/etc/passwd", "/dev/zero", "a" * 5000, "../" * 2000, "@", "@v1"],
    "can't be had": ["file:///etc", "git@host:--upload-pack=x", "git@host:-x", "HTTPS://127.0.0.1:1/x"],
}


@pytest.mark.parametrize(
    ("words", "address"),
    [(words, address) for words, listed in ADDRESSES.items() for address in listed],
    ids=lambda text: ascii(text[:40]),
)
def test_an_address_that_is_none_of_a_kit(stage: Stage, words: str, address: str) -> None:
    done = stage.new(address.replace("ATTACK", stage.attack))
    said = done.err.replace("a" * 200, "").replace("../" * 50, "")  # a person has typed that
    assert_refused(replace(done, err=said), words)
    assert SECRET not in done.err
    assert_nothing_made(stage)


def test_an_address_with_a_number_is_no_program(stage: Stage) -> None:
    assert_refused(stage.new("https://[::1]:1/x"), "can't be had: unable to access")


HOOKS = (
    "post-checkout",
    "post-merge",
    "reference-transaction",
    "post-index-change",
    "pre-receive",
    "update",
    "pre-commit",
)

SETTINGS = """[core]
 fsmonitor = @
 sshCommand = @
 hooksPath = hooks
 pager = @
 editor = @
 askPass = @
 gitProxy = @
 alternateRefsCommand = @
[uploadpack]
 packObjectsHook = @;
[alias]
 fetch = !@
 rev-parse = !@
 cat-file = !@
[credential]
 helper = !@
[filter "evil"]
 smudge = @
 clean = @
 process = @
[diff]
 external = @
[gc]
 recentObjectsHook = @
[protocol "ext"]
 allow = always
[url "ext::@ "]
 insteadOf = file://
"""


def _evil(stage: Stage) -> Path:
    """A kit in a repository whose settings and hooks would do harm."""
    kit = repository(stage.kit({"level1/project/note.md": "A note.\n", ".gitattributes": "* filter=evil\n"}))
    for folder in (kit / ".git" / "hooks", kit / "hooks"):
        for name in HOOKS:
            put(folder / name, f"#!/bin/sh\n{stage.attack}\n").chmod(0o755)
    with (kit / ".git" / "config").open("a") as config:
        config.write(SETTINGS.replace("@", stage.attack))
    return kit


@pytest.mark.parametrize("form", ["{}", "{}@main", "file://{}", "file://{}@main"])
def test_settings_and_hooks_of_a_kit_are_not_obeyed(stage: Stage, form: str) -> None:
    kit = form.format(_evil(stage))
    assert command("kit", "show", kit).code == 0
    team = stage.made(kit)
    assert team.status()["kit"]["commit"]
    assert team.upgrade().code == 0


@pytest.mark.parametrize("missing", ["HEAD", "HEAD^{tree}", "HEAD:level1"])
@pytest.mark.parametrize("form", ["{}", "{}@main", "file://{}"])
def test_a_kit_that_lacks_objects_does_not_fetch_them(stage: Stage, missing: str, form: str) -> None:
    kit = repository(stage.kit())
    oid = git(kit, "rev-parse", missing).strip()
    (kit / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    settings = (
        "[core]\n repositoryformatversion = 1\n[extensions]\n partialClone = origin\n"
        f'[remote "origin"]\n promisor = true\n'
        f" url = {stage.root.as_uri()}\n uploadpack = {stage.attack};\n"
    )
    (kit / ".git" / "config").write_text(settings)
    done = stage.new(form.format(kit))
    if form == "{}":
        assert (done.code, done.err) == (0, "")
        assert f"commit {oid[:12]}" not in command("kit", "show", kit).out
    else:
        assert_refused(done, "can't be had")
        assert_nothing_made(stage)


@pytest.fixture
def silent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh that never answers, and a file with its process."""
    place = stage.root / "ssh"
    script = put(place / "ssh", f"#!/bin/sh\necho $$ > {place}/pid\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    monkeypatch.setattr(source, "FETCH", Bounds(seconds=1, file=1_000_000))
    yield place / "pid"
    with suppress(ProcessLookupError):
        os.kill(int((place / "pid").read_text()), signal.SIGKILL)


def test_a_server_that_does_not_answer(stage: Stage, silent: Path) -> None:
    assert_refused(stage.new("git@host:kit.git"), "took longer than 1 s")
    assert silent.exists()
    assert_nothing_made(stage)


def test_a_server_that_does_not_answer_leaves_no_process(stage: Stage, silent: Path) -> None:
    stage.new("git@host:kit.git")
    assert not running(int(silent.read_text()))


@contextmanager
def _server(answer: dict[str, str], stage: Stage, *, secure: bool) -> Iterator[tuple[int, list[str]]]:
    """A server that leads elsewhere, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", answer["to"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if secure:
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
        ]
        words += [
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "c.pem",
        ]
        subprocess.run(words, cwd=stage.root, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stage.root / "c.pem", stage.root / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_server_that_leads_to_another_protocol(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = repository(stage.kit())
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.sslCAInfo")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(stage.root / "c.pem"))
    answer = {"to": ""}
    with _server(answer, stage, secure=False) as (plain, heard), _server(answer, stage, secure=True) as (port, asked):
        for target in (f"http://127.0.0.1:{plain}/x", kit.as_uri(), "ftp://127.0.0.1/x", f"ext::{stage.attack}"):
            answer["to"] = f"{target}/info/refs?service=git-upload-pack"
            done = stage.new(f"https://localhost:{port}/kit.git")
            assert_refused(done, "can't be had")
        assert len(asked) == 4
        assert heard == []
    assert_nothing_made(stage)
