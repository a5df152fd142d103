"""Object stores: logs are read from a real HTTP server of the S3 API on loopback, and results are written to it."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile

import pytest
from conftest import BUCKET, fill
from reading_cases import pack, write_tree

from dfly_analysis.errors import DflyError, SourceError
from dfly_analysis.io import list_files, open_file, open_sources
from dfly_analysis.io.output_store import open_store
from dfly_analysis.io.s3 import WINDOW_BYTES

BIG = b"".join(b"%d a line of a log that is long\n" % number for number in range(3 * WINDOW_BYTES // 32))


def texts(*paths, problems=None):
    told = problems.append if problems is not None else None
    return {one.address: one.text() for one in open_sources(paths, on_problem=told)}


def test_a_prefix_is_read_as_a_folder(bucket, tmp_path):
    """Plain, compressed and archived objects below a prefix give what the same files in a folder give."""
    tree = write_tree(tmp_path / "top", {"a.log": "one\n", "b/c.log": "two\n"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("z.log", "zipped\n")
    fill(
        bucket,
        {
            "run/dfdaemon.log": "new\n",
            "run/dfdaemon.log.1.gz": gzip.compress(b"old\n"),
            "run/all.tar.gz": pack(tree, tmp_path / "all.tar.gz").read_bytes(),
            "run/more.zip": packed.getvalue(),
            "runaway/x.log": "of another prefix\n",
        },
    )
    top = f"s3://{BUCKET}/run"
    expected = {
        f"{top}/all.tar.gz!top/a.log": "one\n",
        f"{top}/all.tar.gz!top/b/c.log": "two\n",
        f"{top}/dfdaemon.log.1.gz": "old\n",
        f"{top}/dfdaemon.log": "new\n",
        f"{top}/more.zip!z.log": "zipped\n",
    }
    assert list(texts(top).items()) == list(expected.items())
    assert texts(f"{top}/") == expected


def test_an_object_and_a_glob_name_what_they_match(bucket):
    """One object by its key; a star stays within a folder, two do not; the same object is read once."""
    fill(bucket, {"n/1/a.log": "1", "n/2/a.log": "2", "n/2/b.txt": "3", "n/2/deep/a.log": "4"})
    top = f"s3://{BUCKET}/n"
    assert texts(f"{top}/2/b.txt") == {f"{top}/2/b.txt": "3"}
    assert list(texts(f"{top}/*/a.log").values()) == ["1", "2"]
    assert list(texts(f"{top}/**/a.log").values()) == ["1", "2", "4"]
    assert [one.size_bytes for one in list_files([f"{top}/1", f"{top}/1/a.log"])] == [1]


def test_odd_keys(bucket):
    """Spaces, percent signs, other scripts; keys that stand for folders are no files; a doubled slash is told."""
    odd = ["a b.log", "c%20d.log", "e~#?.log", "空.log"]
    fill(bucket, {**{f"odd/{name}": "1\n" for name in odd}, "odd/folder/": "", "odd/empty.log": ""})
    top = f"s3://{BUCKET}/odd"
    assert texts(top) == {f"{top}/{name}": "1\n" for name in odd} | {f"{top}/empty.log": ""}
    fill(bucket, {"odd//x.log": "1\n"})
    with pytest.raises(SourceError, match="empty or dotted part"):
        texts(top)


def test_a_large_object_is_streamed_in_windows(bucket, monkeypatch):
    """Plain or compressed, never more than a window is asked for, and the bytes are the same."""
    import obstore

    asked = []
    whole = obstore.get

    def counted(store, path, *, options):
        asked.append(options["range"][1] - options["range"][0])
        return whole(store, path, options=options)

    monkeypatch.setattr(obstore, "get", counted)
    fill(bucket, {"big.log": BIG, "big.log.gz": gzip.compress(BIG, 1)})
    for name in ("big.log", "big.log.gz"):
        (joined,) = (b"".join(one.blocks()) for one in open_sources([f"s3://{BUCKET}/{name}"]))
        assert joined == BIG
    assert len(asked) >= len(BIG) // WINDOW_BYTES
    assert max(asked) == WINDOW_BYTES


def test_an_object_that_is_overwritten_or_deleted_is_told(bucket):
    """What was listed and has gone is one line; what changes under the reader is a problem of that stream."""
    fill(bucket, {"a.log": BIG, "b.log": "b\n"})
    first, second = list_files([f"s3://{BUCKET}/"])
    bucket.delete_object(Bucket=BUCKET, Key="b.log")
    told = []
    assert list(open_file(second, on_problem=told.append)) == []
    assert "vanished" in str(told[0])
    streams = open_file(first)
    one = next(streams)
    one.head()
    fill(bucket, {"a.log": BIG[::-1]})
    joined = b"".join(one.blocks())
    assert BIG.startswith(joined)
    assert len(joined) < len(BIG)
    assert "overwritten" in one.problem


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://nobody-made-this/x", "no such bucket"),
        (f"s3://{BUCKET}/n/1/b.log", "did you mean a.log"),
        (f"s3://{BUCKET}/*.zip", "no such object"),
        ("s3://", "names no bucket"),
    ],
)
def test_a_wrong_address_is_one_line(bucket, address, expected):
    """A missing bucket or object is told with a way out."""
    fill(bucket, {"n/1/a.log": "1"})
    with pytest.raises(SourceError, match=expected) as raised:
        texts(address)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, "<Error><Code>AccessDenied</Code></Error>", "access is denied"),
        (401, "<Error><Code>Unauthorized</Code></Error>", "access is denied"),
        (400, "<Error><Code>InvalidRequest</Code>\n</Error>", "does not answer"),
    ],
)
def test_a_refusal_of_the_server_is_one_line(monkeypatch, status, body, expected):
    """Denied access names the variables to check; no answer of a server becomes a traceback, neither read nor written."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_HEAD = do_PUT = do_DELETE = do_POST = do_GET

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Refuses) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        for attempt in (
            lambda: list_files([f"s3://{BUCKET}/x"]),
            lambda: open_store(f"s3://{BUCKET}/x").write("part", __file__),
            lambda: open_store(f"s3://{BUCKET}/x").names(),
        ):
            with pytest.raises(SourceError, match=expected) as raised:
                attempt()
            assert "\n" not in str(raised.value)
        made.shutdown()


def test_the_missing_library_names_its_extra(monkeypatch):
    """Without obstore an S3 address is refused with what to install, and importing the package does not need it."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    for attempt in (lambda: list_files(["s3://unseen/x"]), lambda: open_store("s3://unseen/x")):
        with pytest.raises(DflyError, match=r"dfly-analysis\[s3\]"):
            attempt()
    code = (
        "import sys, dfly_analysis.io.output_store, dfly_analysis.io; assert not {'obstore', 'isal'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
