"""The long link: relay.rs before a registry, and whether it is what it says."""

import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUND_TRIP_MS, MBIT = 80, 200
# One way. The relay's timers tick once a millisecond and are late by up to two: 39 makes it 40.
DELAY_MS = 39
PIECE = 1 << 20


def build(kind, name):
    """Has cargo build one of our binaries for release; its path."""
    command = ["cargo", "build", "--release", "--locked", f"--{kind}", name]
    command.append("--message-format=json-render-diagnostics")
    try:
        built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{' '.join(command)}: {error}")
    said = [json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{")]
    return next(
        message["executable"]
        for message in said
        if message.get("executable") and message["target"]["name"] == name and message["target"]["kind"] == [kind]
    )


def relay_binary():
    """The relay, built if there is none that is newer than its sources. Cargo is not asked first: for a [[bench]] it
    would build all of wharf once more, with the tests' dependencies, after every change of it."""
    sources = [ROOT / "tests/bench/relay.rs", ROOT / "tests/support/relay.rs"]
    changed = max(source.stat().st_mtime for source in sources)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for found in (target / "release/deps").glob("relay-*"):
        if not found.suffix and found.stat().st_mtime > changed:
            return str(found)
    print("building the long link (tests/bench/relay.rs)", file=sys.stderr)
    return build("bench", "relay")


class Link:
    """A relay before `host`; its own `host` is where a client connects. Stopped, it has `cpu`, in seconds."""

    def __init__(self, binary, host):
        command = [binary, str(DELAY_MS), str(MBIT), host]
        # It ends when its input does, so also when this script dies.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host = self.process.stdout.readline().strip()
        if not self.host:
            sys.exit(f"{' '.join(command)} did not start")

    def stop(self):
        self.process.stdin.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.process.stdout.close()
        self.cpu = usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def link(binary, host):
    relay = Link(binary, host)
    try:
        yield relay
    finally:
        relay.stop()


class Peer:
    """A server of one byte's word: `e` echoes what follows, `s` swallows all, then says how long that took and how
    much it was."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=[self.listener.accept()[0]], daemon=True).start()

    def answer(self, connection):
        buffer = bytearray(PIECE)
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if connection.recv(1) == b"e":
                while got := connection.recv(64):
                    connection.sendall(got)
                return
            began, total = time.perf_counter(), 0
            while got := connection.recv_into(buffer):
                total += got
            connection.sendall(f"{time.perf_counter() - began} {total}".encode())


def connect(host):
    address, port = host.split(":")
    client = socket.create_connection((address, int(port)), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def round_trips(host):
    """Of a new connection's first byte and of five later ones, in ms."""
    began, times = time.perf_counter(), []
    with connect(host) as client:
        for word in (b"ex", b"y", b"y", b"y", b"y", b"y"):
            client.sendall(word)
            client.recv(1)
            times.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
    return times


def push(host, size):
    """Sends `size` bytes and the end; Mbit/s as they arrived, and whether all of them did before the end."""
    data = memoryview(bytes(PIECE))
    with connect(host) as client:
        client.sendall(b"s")
        for at in range(0, size, PIECE):
            client.sendall(data[: min(PIECE, size - at)])
        client.shutdown(socket.SHUT_WR)
        took, total = client.recv(100).decode().split()
    return size * 8 / 1e6 / float(took), int(total) == size


def check(binary):
    """What the link really does."""
    peer = Peer()
    with link(binary, peer.host) as relay:
        trips = round_trips(relay.host)
        rate, whole = push(relay.host, 25_000_000)
    with link(binary, peer.host) as relay:
        results = []
        many = [threading.Thread(target=lambda: results.append(push(relay.host, 5_000_000))) for _ in range(20)]
        began = time.perf_counter()
        for thread in many:
            thread.start()
        for thread in many:
            thread.join()
        took = time.perf_counter() - began
    peer.listener.close()
    trip = statistics.median(trips[1:])
    found = {
        "opening_and_round_trip_ms": trips[0],
        "round_trip_ms": trip,
        "one_connection_mbit": rate,
        "twenty_connections_s": took,
        "twenty_connections_cpu_s": relay.cpu,
        "arrived_whole": whole and len(results) == 20 and all(whole for _, whole in results),
    }
    # A connection has to be opened first: that is a round trip more.
    found["as_it_should_be"] = (
        found["arrived_whole"]
        and abs(rate / MBIT - 1) <= 0.05
        and all(-1 <= each - ROUND_TRIP_MS <= 5 for each in (trip, trips[0] / 2))
    )
    return found


def described(found):
    return (
        f"the long link: a connection has {found['one_connection_mbit']:.0f} Mbit/s; round trip "
        f"{found['round_trip_ms']:.1f} ms, {found['opening_and_round_trip_ms']:.1f} with the connection's opening; 20 at once carried 100 MB in "
        f"{found['twenty_connections_s']:.2f} s, with {found['twenty_connections_cpu_s']:.2f} s of CPU"
    )
