"""The table's rows: each sets up its servers, lets both tools work in turn and says what must come out."""

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import statistics
import tempfile

import images
from images import MB
from link import link
from measure import measure
from registries import asked, grouped, registry
from tools import Wharf

BIG, BIG_TAG = "bench/big", "1"
# The largest layer of a platform is 40 %: 70 MB of 350, 2.8 s over one connection of the long link, which with the
# round trips before and after is the floor of 3.4 s.
BIG_SHARES = (0.40, 0.30, 0.19, 0.09, 0.02)
MANY, SMALL_SHARES = 20, (0.40, 0.30, 0.20, 0.10)
SINGLE = "bench/single"
# skopeo copies one image after another, so that a few of them tell how long all take.
SKOPEO_IMAGES = 3
LONG_RUNS = 3


def small(number):
    return f"bench/small-{number:02}"


@dataclasses.dataclass
class Figure:
    """One number of a row. wharf must not exceed `limit`: a share of skopeo's where `relative`, else in `unit`."""

    row: str
    what: str
    unit: str
    wharf: float
    skopeo: float | None = None
    limit: float | None = None
    relative: bool = False

    @property
    def ratio(self):
        return self.wharf / self.skopeo if self.skopeo else None

    @property
    def met(self):
        if self.limit is None:
            return None
        return (self.ratio if self.relative else self.wharf) <= self.limit


def medians(runs, what):
    """wharf's and skopeo's."""
    return [statistics.median(run[what] for run in runs[name]) for name in ("wharf", "skopeo")]


def in_turn(count, tools, one_run):
    """`count` runs by each tool: {name: [result]}. In turn, and each first in turn: what the machine does besides hits
    both."""
    runs = {tool.name: [] for tool in tools}
    for number in range(count):
        for tool in tools if number % 2 == 0 else tools[::-1]:
            runs[tool.name].append(one_run(tool, number))
    return runs


class Bench:
    """What the rows share. `runs` is every single measurement, `faults` is what came out wrong, `notes` is what a
    reader of the table should know."""

    def __init__(self, arguments, work, wharf, skopeo, relay):
        self.arguments, self.work, self.wharf, self.skopeo, self.relay = arguments, work, wharf, skopeo, relay
        self.runs, self.faults, self.notes = {}, [], []

    def prepare(self):
        """Writes the source's images: only those that the rows need."""
        rows, source = set(self.arguments.rows), self.work / "source"
        if rows & {"loopback", "long", "memory", "huge", "archive"}:
            images.write_image(source, BIG, BIG_TAG, self.arguments.size * MB, BIG_SHARES, 2)
        if rows & {"many", "again"}:
            for number in range(MANY):
                images.write_image(source, small(number), "1", 4 * MB, SMALL_SHARES, 3)
        if "requests" in rows:
            images.write_image(source, SINGLE, "1", 5 * MB, (0.2,) * 5, 1)

    @contextlib.contextmanager
    def serving(self):
        with registry(self.work / "source") as self.source:
            yield

    @contextlib.contextmanager
    def fresh(self, tool):
        """A destination that nobody knows, and a home for a tool that knows nobody."""
        with tempfile.TemporaryDirectory(prefix=f"{tool.name}-", dir=self.work) as directory:
            with registry(pathlib.Path(directory) / "registry") as destination:
                yield destination, pathlib.Path(directory) / "home"

    def row(self, name):
        """A row's figures; none where it was skipped."""
        return list(getattr(self, name)())

    # Row 1, and row 6, which looks at the same copies.

    @functools.cached_property
    def near_copies(self):
        def one_run(tool, number):
            with self.fresh(tool) as (destination, home):
                name = f"{BIG}:{BIG_TAG}"
                command = tool.copy(f"{self.source.host}/{name}", f"{destination.host}/{name}")
                first = measure(command, home)
                with asked(self.source, destination) as sides:
                    second = measure(command, home)
                if tool is self.wharf and number == 0:
                    self.faults += images.differences(self.source, destination, BIG, BIG_TAG)
                return first | {"second_wall": second["wall"], "second_requests": max(map(len, sides))}

        # Memory alone needs no skopeo.
        both = "loopback" in self.arguments.rows
        tools = [self.wharf, self.skopeo] if both else [self.wharf]
        self.runs["loopback"] = in_turn(self.arguments.runs, tools, one_run)
        return self.runs["loopback"]

    def loopback(self):
        runs = self.near_copies
        for what, unit, key, limit, relative in (
            ("wall", "s", "wall", 0.80, True),
            ("CPU", "s", "cpu", 0.45, True),
            ("second copy, wall", "s", "second_wall", 0.1, False),
        ):
            yield Figure("loopback", what, unit, *medians(runs, key), limit, relative)
        most = [max(run["second_requests"] for run in runs[name]) for name in ("wharf", "skopeo")]
        yield Figure("loopback", "second copy, requests a side", "", *most, 2)

    def near_peak(self):
        return max(run["peak"] for run in self.near_copies["wharf"])

    def memory(self):
        skopeo = max((run["peak"] for run in self.near_copies.get("skopeo", [])), default=None)
        yield Figure("memory", "peak of the row loopback", "MB", self.near_peak(), skopeo, 32)

    def huge(self):
        size = self.arguments.huge
        with tempfile.TemporaryDirectory(prefix="wharf-bench-", dir="/var/tmp") as directory:
            directory = pathlib.Path(directory)
            free = shutil.disk_usage(directory).free
            if free < (size + 2) * 1000 * MB:
                needed = f"{size + 2} GB in /var/tmp, where {free / 1e9:.0f} GB are free"
                self.notes.append(f"huge skipped: it needs {needed}")
                return
            name = images.write_huge_image(directory / "source", "bench/huge", "1", size * 1000 * MB)
            with registry(directory / "source") as source, registry(directory / "destination") as destination:
                command = self.wharf.copy(f"{source.host}/bench/huge:1", f"{destination.host}/bench/huge:1")
                run = measure(command, self.work / "home-huge")
                arrived = images.Storage(destination.directory, "bench/huge").data(name).stat().st_size
                if arrived != size * 1000 * MB:
                    self.faults.append(f"bench/huge: {arrived} bytes arrived")
        self.runs["huge"] = {"wharf": [run]}
        yield Figure("huge", f"peak, an image of {size} GB", "MB", run["peak"], None, self.near_peak() + 4)
        self.notes.append(f"huge: {run['wall']:.0f} s, {run['cpu']:.1f} s CPU; the limit is the row memory and 4 MB")

    # Rows 2, 3 and 4: over the long link, both registries behind it.

    @contextlib.contextmanager
    def far(self, tool):
        """The source's address over the link, a fresh destination and its address over the link, a fresh home."""
        with self.fresh(tool) as (destination, home):
            with link(self.relay, self.source.host) as there, link(self.relay, destination.host) as back:
                yield there.host, destination, back.host, home
        if self.arguments.verbose:
            print(f"    the link's CPU while {tool.name} copied: {there.cpu + back.cpu:.2f} s", flush=True)

    def long(self):
        def one_run(tool, number):
            with self.far(tool) as (source, destination, target, home):
                name = f"{BIG}:{BIG_TAG}"
                run = measure(tool.copy(f"{source}/{name}", f"{target}/{name}"), home)
                if tool is self.wharf and number == 0:
                    self.faults += images.differences(self.source, destination, BIG, BIG_TAG)
                return run

        runs = self.runs["long"] = in_turn(min(LONG_RUNS, self.arguments.runs), [self.wharf, self.skopeo], one_run)
        yield Figure("long", "wall", "s", *medians(runs, "wall"), 0.35, True)

    @functools.cached_property
    def many_copies(self):
        """Twenty images, then the same again: wharf's in one run, skopeo's a few and scaled. None if wharf cannot."""
        if not self.wharf.can_sync():
            self.notes.append("many and again skipped: this wharf has no `sync` (`wharf sync --help` fails)")
            return None

        def one_run(tool, number):
            with self.far(tool) as (source, destination, target, home):
                run = self.sync(source, target, home) if tool is self.wharf else self.one_by_one(source, target, home)
                if tool is self.wharf and number == 0:
                    for image in range(MANY):
                        self.faults += images.differences(self.source, destination, small(image), "1")
                return run

        self.runs["many"] = in_turn(min(LONG_RUNS, self.arguments.runs), [self.wharf], one_run)
        self.runs["many"] |= in_turn(1, [self.skopeo], one_run)
        self.notes.append(f"many, again: skopeo's seconds are those of {SKOPEO_IMAGES} images, scaled to {MANY}")
        return self.runs["many"]

    def sync(self, source, target, home):
        references = self.work / "references"
        references.write_text("".join(f"{source}/{small(number)}:1\n" for number in range(MANY)))
        command = self.wharf.sync(references, target)
        return {"first": measure(command, home), "again": measure(command, home)}

    def one_by_one(self, source, target, home):
        def all_of_them():
            names = [f"{small(number)}:1" for number in range(SKOPEO_IMAGES)]
            each = [measure(self.skopeo.copy(f"{source}/{name}", f"{target}/{name}"), home) for name in names]
            return {"each": each, "wall": sum(run["wall"] for run in each) * MANY / SKOPEO_IMAGES}

        return {"first": all_of_them(), "again": all_of_them()}

    def many_figure(self, row, key, what, limit, relative):
        if runs := self.many_copies:
            copies = {name: [run[key] for run in of] for name, of in runs.items()}
            yield Figure(row, what, "s", *medians(copies, "wall"), limit, relative)

    def many(self):
        return self.many_figure("many", "first", f"wall, {MANY} images", 0.045, True)

    def again(self):
        return self.many_figure("again", "again", f"wall, the {MANY} again", 0.5, False)

    # Row 5.

    def requests(self):
        found = {}
        for tool in (self.wharf, self.skopeo):
            with self.fresh(tool) as (destination, home):
                command = tool.copy(f"{self.source.host}/{SINGLE}:1", f"{destination.host}/{SINGLE}:1")
                with asked(self.source, destination) as sides:
                    measure(command, home)
                if tool is self.wharf:
                    self.faults += images.differences(self.source, destination, SINGLE, "1")
            groups = dict(zip(("source", "destination"), map(grouped, sides)))
            found[tool.name] = {"total": sum(map(len, sides)), **groups}
            if self.arguments.verbose:
                for side, group in groups.items():
                    print(f"    {tool.name}, {side}: " + ", ".join(f"{name} {n}" for name, n in group.items()))
        self.runs["requests"] = found
        totals = [found[name]["total"] for name in ("wharf", "skopeo")]
        yield Figure("requests", "cold, 5 layers, both sides", "", *totals, 21)

    # Row 7.

    def archive(self):
        def one_run(tool, number):
            with tempfile.TemporaryDirectory(prefix="archive-", dir=self.work) as directory:
                file = pathlib.Path(directory) / "image.tar"
                command = tool.archive(f"{self.source.host}/{BIG}:{BIG_TAG}", file, "amd64")
                run = measure(command, file.parent / "home")
                if isinstance(tool, Wharf) and number == 0:
                    self.faults += images.archive_faults(file)
                return run

        runs = self.runs["archive"] = in_turn(self.arguments.runs, [self.wharf, self.skopeo], one_run)
        yield Figure("archive", "wall", "s", *medians(runs, "wall"), 0.5, True)


# The table's order. `huge` writes gigabytes to a disk: only when it is asked for.
ROWS = ("loopback", "long", "many", "again", "requests", "memory", "archive", "huge")
EVERYDAY = ROWS[:-1]
FAR = {"long", "many", "again"}
