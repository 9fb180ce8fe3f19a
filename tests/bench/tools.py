"""The commands that are compared. A reference is HOST/REPOSITORY:TAG on both sides."""

import os
import pathlib
import subprocess

import link


class Skopeo:
    name = "skopeo"

    def __init__(self, binary="skopeo"):
        self.start = [binary, "--insecure-policy"]

    def copy(self, source, destination):
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        return [*self.start, "copy", "--all", *plain, f"docker://{source}", f"docker://{destination}"]

    def archive(self, source, file, architecture):
        chosen = ["--override-os", "linux", "--override-arch", architecture]
        name = source.split("/", 1)[1]
        copy = [*self.start, *chosen, "copy", "--src-tls-verify=false"]
        return [*copy, f"docker://{source}", f"docker-archive:{file}:{name}"]

    def version(self):
        return subprocess.run([self.start[0], "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Wharf:
    name = "wharf"

    def __init__(self, binary):
        self.binary = binary

    def copy(self, source, destination):
        return [self.binary, "copy", source, destination]

    def archive(self, source, file, architecture):
        return [self.binary, "export", source, "--platform", f"linux/{architecture}", "-o", str(file)]

    def sync(self, references, host):
        """Copies every image of a plain list to the same name at `host`, in one run."""
        return [self.binary, "sync", str(references), "--to", host]

    def can_sync(self):
        return subprocess.run([self.binary, "sync", "--help"], capture_output=True).returncode == 0

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()


class SkopeoAsWharf(Skopeo):
    """WHARF=skopeo: skopeo against itself, to try the harness (every ratio is about 1)."""

    name = "wharf"

    def can_sync(self):
        return False


def under_test():
    """What is measured as wharf: $WHARF, else this tree's release build."""
    binary = os.environ.get("WHARF")
    if binary is None:
        return Wharf(link.build("bin", "wharf"))
    return SkopeoAsWharf(binary) if pathlib.Path(binary).name == "skopeo" else Wharf(binary)
