"""The command redact."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

from cli.cases import LOG, SECRETS, invoke, write_secrets


def test_redact_copies_text_without_secrets(tmp_path):
    """Names and everything else stay, values of secrets go; binary files are reported and left out; compressed files come out plain."""
    source, _ = write_secrets(tmp_path)
    (source / "old.log.gz").write_bytes(gzip.compress((LOG + SECRETS[0]).encode()))
    (source / "core").write_bytes(b"\x00\x01" * 100)
    done = invoke("redact", source, "-o", tmp_path / "clean")
    assert done.exit_code == 0
    copies = {path.name: path for path in map(Path, done.stdout.splitlines())}
    assert set(copies) == {"dfdaemon.log", "jobs.json", "old.log"}
    assert "core: is not text and was not copied" in done.stderr
    text = copies["dfdaemon.log"].read_text("utf-8")
    assert LOG in text
    assert text.count("\n") == len(SECRETS) + 1
    assert "[redacted]" in text
    assert "error decoding response body" in text
    assert json.loads(copies["jobs.json"].read_text("utf-8"))[0]["args"]["scope"] == "single_seed_peer"


def test_redact_stays_inside_its_folder(tmp_path):
    """Members that point outside, and names that become the same, each get a file of their own inside."""
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("../../evil.log", "/etc/evil.log", "a b.log", "a_b.log", "x/../../y.log"):
            content = f"{LOG}{name}\n".encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = invoke("redact", archive, "-o", tmp_path / "clean")
    assert done.exit_code == 0
    copies = [Path(line) for line in done.stdout.splitlines()]
    assert len(set(copies)) == 5
    assert all((tmp_path / "clean").resolve() in path.resolve().parents for path in copies)
    assert {path.read_text("utf-8").splitlines()[1] for path in copies} == {
        "../../evil.log",
        "/etc/evil.log",
        "a b.log",
        "a_b.log",
        "x/../../y.log",
    }
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == set(copies)


def test_redact_never_writes_over_its_input(tmp_path, monkeypatch):
    """The input folder itself, a folder above it and one inside it are refused; nothing changes."""
    source, _ = write_secrets(tmp_path)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    monkeypatch.chdir(source)
    refused = [
        (".", "."),
        (source, tmp_path),
        (source, source / "clean"),
        (next(iter(before)), source),
        ("*", "."),
        (f"{source}/**/*", tmp_path),
    ]
    for paths, output in refused:
        done = invoke("redact", paths, "-o", output)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "would be written among the input" in done.stderr
    out = tmp_path / "out"
    (out / source.relative_to("/")).parent.mkdir(parents=True)
    (out / source.relative_to("/")).symlink_to(source)
    assert "would replace a file of the input" in invoke("redact", source, "-o", out).stderr
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
