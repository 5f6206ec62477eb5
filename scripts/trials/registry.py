"""Chunked uploads to a real Docker registry through HALB, as docker and skopeo make them, and back again."""

import hashlib
import json
import sys
import time
import urllib.parse

from stage import Stage
from stage import options
from stage import said

MEGABYTE = 1_000_000
# The body comes from curl's input.
UNKNOWN_LENGTH = ("-T", "-", "-H", "Transfer-Encoding: chunked")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = """
version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: %s } }
http: { addr: "127.0.0.1:0", secret: trial }
"""


def main():
    given = options(
        __doc__,
        {
            "layers": (4, 3, "layers of the image"),
            "megabytes": (250, 4, "length of each"),
            "pieces": (5, 2, "PATCH requests for each"),
        },
    )
    with Stage("registry") as stage:
        file = stage.folder / "registry.yml"
        file.write_text(CONFIGURATION % (stage.folder / "store"))
        registry = stage.start("registry", ["docker-registry", "serve", file])
        port = stage.announced(registry, r"listening on 127\.0\.0\.1:(\d+)")[1]
        halb = stage.halb([port])
        image = f"{halb.url}/v2/trial/image"
        blobs = []
        for number in range(given.layers):
            blobs.append(push(stage, image, number, given))
        wrong_digest(stage, image)
        blobs.append(push_at_once(stage, image))
        manifest(stage, image, blobs)
        pull(stage, image, blobs)
        halb.stop()
    return stage.verdict()


def push(stage, image, number, given):
    """POST, then a body of unknown length in some PATCHes, then PUT with the digest."""
    digest, began = hashlib.sha256(), time.monotonic()
    status, fields = curl(stage, "-X", "POST", f"{image}/blobs/uploads/")
    if status != 202:
        raise RuntimeError(f"no upload: {status} {fields}")
    size = given.megabytes * MEGABYTE // given.pieces
    piece = stage.folder / "piece"
    for place in range(given.pieces):
        write_noise(piece, size, digest)
        command = ["-X", "PATCH", "-H", "Content-Type: application/octet-stream", *UNKNOWN_LENGTH, location(image, fields)]
        status, fields = curl(stage, *command, source=piece)
        if status != 202 or fields.get("range") != f"0-{(place + 1) * size - 1}":
            raise RuntimeError(f"PATCH {place}: {status} {fields}")
    name = f"sha256:{digest.hexdigest()}"
    status, fields = curl(stage, "-X", "PUT", "-H", "Content-Length: 0", with_digest(location(image, fields), name))
    good = status == 201 and fields.get("docker-content-digest") == name
    seconds = time.monotonic() - began
    figures = f"{size * given.pieces} bytes in {given.pieces} chunked PATCHes, {seconds:.1f} s"
    stage.check(f"layer {number}: the registry has the same sha256", good, figures)
    return name, size * given.pieces


def push_at_once(stage, image):
    """POST, and the whole body in the PUT."""
    digest = hashlib.sha256()
    piece = stage.folder / "piece"
    write_noise(piece, MEGABYTE, digest)
    name = f"sha256:{digest.hexdigest()}"
    _, fields = curl(stage, "-X", "POST", f"{image}/blobs/uploads/")
    address = with_digest(location(image, fields), name)
    status, fields = curl(stage, *UNKNOWN_LENGTH, "-H", "Content-Type: application/octet-stream", address, source=piece)
    good = status == 201 and fields.get("docker-content-digest") == name
    stage.check("a layer in one chunked PUT", good, f"{MEGABYTE} bytes")
    return name, MEGABYTE


def wrong_digest(stage, image):
    """The registry's refusal arrives as it is."""
    _, fields = curl(stage, "-X", "POST", f"{image}/blobs/uploads/")
    address = with_digest(location(image, fields), "sha256:" + "0" * 64)
    status, _ = curl(stage, "-X", "PUT", "--data-binary", "something else", address)
    answer = (stage.folder / "answer").read_text()
    stage.check("a wrong digest is refused by the registry", status == 400 and "DIGEST_INVALID" in answer, f"status {status}")


def manifest(stage, image, blobs):
    layers = [{"mediaType": "application/octet-stream", "size": size, "digest": name} for name, size in blobs]
    text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": layers[-1], "layers": layers[:-1]})
    sent = ["-X", "PUT", "-H", f"Content-Type: {MANIFEST}", "--data-binary", text, f"{image}/manifests/latest"]
    status, fields = curl(stage, *sent)
    name = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    good = status == 201 and fields.get("docker-content-digest") == name
    curl(stage, "-H", f"Accept: {MANIFEST}", f"{image}/manifests/latest")
    good = good and (stage.folder / "answer").read_text() == text
    stage.check("the manifest comes back as it was", good, f"{len(text)} bytes")


def pull(stage, image, blobs):
    moved, good, began = 0, True, time.monotonic()
    for name, size in blobs:
        status, fields = curl(stage, "-I", f"{image}/blobs/{name}")
        good = good and status == 200 and int(fields["content-length"]) == size
        status, _ = curl(stage, f"{image}/blobs/{name}")
        with open(stage.folder / "answer", "rb") as answer:
            found = hashlib.file_digest(answer, "sha256").hexdigest()
        good = good and status == 200 and f"sha256:{found}" == name
        moved += size
    seconds = time.monotonic() - began
    stage.check("all layers come back with their sha256", good, f"{len(blobs)} layers, {moved} bytes, {seconds:.1f} s")


def curl(stage, *arguments, source=None):
    """Status and fields of an answer; its body is in the file `answer`."""
    head = stage.folder / "head"
    command = ["curl", "-sS", "-D", head, "-o", stage.folder / "answer", "-w", "%{http_code}", *arguments]
    if source:
        # Through a pipe: of a file as its input, curl would know the length.
        command = ["bash", "-c", 'cat "$1" | "${@:2}"', "bash", source, *command]
    status = int(said(command))
    lines = [line.partition(":") for line in head.read_text().splitlines()]
    return status, {name.lower(): value.strip() for name, _, value in lines}


def location(image, fields):
    """Where the upload goes on: the registry names the host that the client asked."""
    address = fields.get("location", "")
    if not address.startswith(image + "/blobs/uploads/"):
        raise RuntimeError(f"the Location {address!r} does not lead through {image}")
    return address


def with_digest(address, name):
    return f"{address}{'&' if '?' in address else '?'}{urllib.parse.urlencode({'digest': name})}"


def write_noise(path, size, digest):
    """So many bytes that no lost or doubled buffer leaves the same; they go into the digest, too."""
    with open("/dev/urandom", "rb") as source, open(path, "wb") as file:
        for place in range(0, size, MEGABYTE):
            piece = source.read(min(MEGABYTE, size - place))
            digest.update(piece)
            file.write(piece)


sys.exit(main())
