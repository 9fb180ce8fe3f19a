"""Private docker-registry servers on loopback, with what they were asked."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request


class Registry:
    """A docker-registry of our own; `port` is new each time, so that no client knows it from before."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        # A directory that is there already has images in its storage (images.py writes them).
        self.directory.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.log = self.directory / "log"
        config = self.directory / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.directory}/storage, maxthreads: 100}}}}\n"
            f"http: {{addr: '{self.host}'}}\n"
        )
        command = shutil.which("docker-registry", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if command is None:
            sys.exit("no docker-registry: apt-get install docker-registry")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [command, "serve", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.wait_until_ready()

    def wait_until_ready(self):
        until = time.monotonic() + 15
        while True:
            try:
                return self.get("/v2/")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"docker-registry did not start: {self.log.read_text()[-2000:]}")
                time.sleep(0.02)

    def get(self, path, accept="*/*"):
        request = urllib.request.Request(f"http://{self.host}{path}", headers={"Accept": accept})
        # No proxy from the environment for loopback.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.read()

    def requests(self):
        """The request lines of the access log so far, once it has settled."""
        size = -1
        while size != (size := self.log.stat().st_size):
            time.sleep(0.1)
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split('"')[1] for line in lines if " /v2/" in line and '"' in line and " HTTP/" in line]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def registry(directory):
    server = Registry(directory)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def asked(*servers):
    """What the servers are asked while a `with` block runs: a list of request lines a server, filled at its end."""
    before = [len(server.requests()) for server in servers]
    lines = []
    yield lines
    lines.extend(server.requests()[n:] for server, n in zip(servers, before))


KINDS = (("/blobs/uploads/", "upload"), ("/blobs/", "blob"), ("/manifests/", "manifest"), ("/tags/", "tags"))


def grouped(lines):
    """Request lines as {"GET blob": 6, …}, in the order in which they first came."""
    groups = {}
    for line in lines:
        method, path, *_ = line.split(" ")
        kind = next((kind for part, kind in KINDS if part in path), None)
        if kind is None:
            kind = "ping" if re.fullmatch(r"/v2/?", path) else "other"
        name = f"{method} {kind}"
        groups[name] = groups.get(name, 0) + 1
    return groups
