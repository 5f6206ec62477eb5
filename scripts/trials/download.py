"""A download of 10 GB through a HALB that may take 96 MB: the same bytes, and the memory that it took."""

import hashlib
import shutil
import subprocess
import sys
import time

from stage import Stage
from stage import options

MEGABYTE = 1_000_000


def main():
    given = options(
        __doc__,
        {
            "megabytes": (10_000, 100, "length of the download"),
            "clients": (1, 1, "who download at a time"),
        },
    )
    with Stage("download") as stage:
        need = (given.megabytes + 100) * MEGABYTE
        if shutil.disk_usage(stage.folder).free < need:
            raise SystemExit(f"download: {need} bytes are needed in {stage.folder.parent}; TMPDIR names another place")
        (stage.folder / "files").mkdir()
        expected = write_noise(stage.folder / "files" / "large", given.megabytes)
        port = stage.nginx(f"location / {{ root {stage.folder}/files; }}")
        halb = stage.halb([port])
        began, used = time.monotonic(), halb.cpu_seconds()
        sums = download(halb.url + "/large", given.clients)
        seconds, used = time.monotonic() - began, halb.cpu_seconds() - used
        moved = given.megabytes * given.clients
        figures = f"{moved} MB in {seconds:.1f} s, {used / moved * 1e6:.0f} us of CPU per MB"
        stage.check(f"sha256 of {given.megabytes} MB is equal", sums == [expected] * given.clients, figures)
        peak = halb.memory_kb("VmHWM")
        stage.check("memory stays below 96 MB", peak * 1024 < 96e6, f"VmHWM {peak} kB")
        halb.stop()
    return stage.verdict()


def write_noise(path, megabytes):
    """So many megabytes that no lost or doubled buffer leaves the same; their sha256."""
    digest = hashlib.sha256()
    with open("/dev/urandom", "rb") as source, open(path, "wb") as file:
        for _ in range(megabytes):
            piece = source.read(MEGABYTE)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def download(url, clients):
    command = ["bash", "-c", 'set -o pipefail; curl -sSf "$1" | sha256sum', "bash", url]
    under_way = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(clients)]
    sums = [process.communicate()[0].split(" ")[0] for process in under_way]
    return [value if process.returncode == 0 else "failed" for value, process in zip(sums, under_way)]


sys.exit(main())
