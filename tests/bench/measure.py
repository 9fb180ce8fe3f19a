"""One command, measured from outside: wall and CPU seconds, and the peak of its memory."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading
import time

# Nothing here takes longer, except the huge image on a slow disk.
PATIENCE_S = 900


class PeakMemory(threading.Thread):
    """The kernel's own high-water mark of a process's memory, read until the process is gone. Not wait4's ru_maxrss:
    that one begins with the memory of the process that forked, this script's, which is larger."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status, self.kilobytes = f"/proc/{pid}/status", 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                text = pathlib.Path(self.status).read_text()
                marks = [int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")]
                if not marks:
                    return
                # Before its exec the child shows this script's memory, so the last mark counts, not the largest.
                self.kilobytes = marks[0]
                time.sleep(0.005)

    def megabytes(self):
        self.join()
        return self.kilobytes / 1024


def environment(home):
    """Ours, without what would tell a tool about another home, a configuration or a proxy."""
    named = ("CONFIG", "DATA", "CACHE", "STATE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "WHARF")) and "proxy" not in k.lower()}
    return kept | {"HOME": str(home)} | {f"XDG_{name}_HOME": str(home / name.lower()) for name in named}


def measure(command, home):
    """Runs a command to its good end; its wall and CPU seconds and its peak memory in MB."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment(home), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        peak = PeakMemory(child.pid)
        limit = threading.Timer(PATIENCE_S, child.kill)
        limit.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            # An end by signal: the tool must not outlive the script.
            child.kill()
            raise
        finally:
            limit.cancel()
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-4000:]
            raise SystemExit(f"{' '.join(map(str, command))}: exit {child.returncode}\n{said}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": peak.megabytes()}
