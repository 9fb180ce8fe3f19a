"""Images, generated straight into a docker-registry's storage, so that nothing has to be pushed; and what of them is
not the same at two registries."""

import gzip
import hashlib
import io
import json
import random
import tarfile

MB = 1_000_000
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURES = ("amd64", "arm64", "s390x")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Storage:
    """A repository in the file system of a docker-registry that does not run yet (its `Registry` takes the same
    directory)."""

    def __init__(self, directory, repository):
        root = directory / "storage/docker/registry/v2"
        self.blobs, self.repository = root / "blobs/sha256", root / "repositories" / repository

    def data(self, name):
        """The file that holds a blob or manifest, which is not there yet."""
        value = name.split(":")[1]
        path = self.blobs / value[:2] / value / "data"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def link(self, place, name):
        path = self.repository / place / "link"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)

    def blob(self, data, media_type):
        name = digest(data)
        self.data(name).write_bytes(data)
        return self.known_blob(name, len(data), media_type)

    def known_blob(self, name, size, media_type):
        """A blob whose data somebody else has written."""
        self.link(f"_layers/sha256/{name.split(':')[1]}", name)
        return {"mediaType": media_type, "digest": name, "size": size}

    def manifest(self, document, tag=None, **more):
        # Odd spacing: who writes the JSON anew is found out.
        data = json.dumps(document, indent=3).encode()
        name = digest(data)
        self.data(name).write_bytes(data)
        self.link(f"_manifests/revisions/sha256/{name.split(':')[1]}", name)
        if tag:
            self.link(f"_manifests/tags/{tag}/current", name)
            self.link(f"_manifests/tags/{tag}/index/sha256/{name.split(':')[1]}", name)
        return {"mediaType": document["mediaType"], "digest": name, "size": len(data), **more}

    def image(self, layers, diff_ids, architecture, tag=None, **more):
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": "tests/bench/run"}] * len(layers),
        }
        config = self.blob(json.dumps(config).encode(), CONFIG)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return self.manifest(document, tag, **more)


def layer(chance, size, path):
    """A gzipped tar with a file of `size` bytes that do not compress, and the tar's digest."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        entry = tarfile.TarInfo(path)
        entry.size = size
        archive.addfile(entry, io.BytesIO(chance.randbytes(size)))
    # Stored blocks: what gzip makes of such bytes at any level, in no time.
    return gzip.compress(content.getvalue(), 0, mtime=0), digest(content.getvalue())


def write_image(directory, repository, tag, total, shares, platforms):
    """An image of `total` bytes in `platforms` platforms, each with layers of these shares of it. With one platform
    it is no index."""
    storage = Storage(directory, repository)
    chance = random.Random(f"{repository}:{tag}")
    entries = []
    for architecture in ARCHITECTURES[:platforms]:
        layers, diff_ids = [], []
        for number, share in enumerate(shares):
            data, diff_id = layer(chance, int(total / platforms * share), f"data/{architecture}/{number}")
            diff_ids.append(diff_id)
            layers.append(storage.blob(data, f"{LAYER}+gzip"))
        if platforms == 1:
            storage.image(layers, diff_ids, architecture, tag)
        else:
            platform = {"architecture": architecture, "os": "linux"}
            entries.append(storage.image(layers, diff_ids, architecture, platform=platform))
    if entries:
        storage.manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, tag)


def write_huge_image(directory, repository, tag, size):
    """An image whose one layer is `size` zeros (an empty tar), which take no room on the disk."""
    storage = Storage(directory, repository)
    piece, whole = bytes(16 << 20), hashlib.sha256()
    for at in range(0, size, len(piece)):
        whole.update(memoryview(piece)[: min(len(piece), size - at)])
    name = "sha256:" + whole.hexdigest()
    with open(storage.data(name), "wb") as file:
        file.truncate(size)
    storage.image([storage.known_blob(name, size, LAYER)], [name], ARCHITECTURES[0], tag)
    return name


def differences(source, destination, repository, tag, to=None):
    """What is not the same at both registries, as text: manifests byte for byte, blobs by size and digest."""
    out, to = [], to or repository

    def manifest(at):
        accept = f"{INDEX}, {MANIFEST}"
        here = source.get(f"/v2/{repository}/manifests/{at}", accept)
        there = destination.get(f"/v2/{to}/manifests/{at}", accept)
        if here != there:
            out.append(f"{repository}: manifest {at}")
        return json.loads(here)

    def blob(descriptor):
        data = destination.get(f"/v2/{to}/blobs/{descriptor['digest']}")
        if (digest(data), len(data)) != (descriptor["digest"], descriptor["size"]):
            out.append(f"{repository}: blob {descriptor['digest']}")

    top = manifest(tag)
    for image in [manifest(entry["digest"]) for entry in top["manifests"]] if "manifests" in top else [top]:
        for descriptor in [image["config"], *image["layers"]]:
            blob(descriptor)
    return out


def archive_faults(path):
    """What is wrong with a docker-archive that wharf wrote: a member is missing, a blob is not what its name says."""
    with tarfile.open(path) as archive:
        names = set(archive.getnames())
        faults = [f"{path.name}: no {name}" for name in ("manifest.json", "index.json") if name not in names]
        for member in archive:
            if member.isfile() and member.name.startswith("blobs/sha256/"):
                found = hashlib.file_digest(archive.extractfile(member), "sha256").hexdigest()
                if found != member.name.rsplit("/", 1)[1]:
                    faults.append(f"{path.name}: {member.name} is {found}")
        listed = json.load(archive.extractfile("manifest.json")) if "manifest.json" in names else []
        for image in listed:
            faults += [f"{path.name}: no {at}" for at in [image["Config"], *image["Layers"]] if at not in names]
    return faults
