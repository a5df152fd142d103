"""Redacted copies hold no secret and nothing free, and say the same of a run as the run itself."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
from cli.cases import invoke
from hypothesis import given
from hypothesis import strategies as st
from reading_cases import generated, write_tree
from secret_cases import BENIGN, files, leaks, one_line, several_lines

from dfly_analysis.sharing import Pseudonyms, Scrubber
from dfly_analysis.sharing.words import is_known

CANARIES = [*one_line(), *several_lines()]


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write every canary into every kind of file, plain and in archives within archives."""
    folder = write_tree(tmp_path_factory.mktemp("canaries") / "in", files(CANARIES))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, "inner")
    outer = folder.parent / "outer.tar"
    with tarfile.open(outer, "w") as archive:
        member = tarfile.TarInfo("a/inner.tar.gz")
        member.size = packed.getbuffer().nbytes
        packed.seek(0)
        archive.addfile(member, packed)
    return folder, outer


def test_no_canary_is_in_a_copy(tree, tmp_path):
    """Of a folder, of archives within archives, and of files of other programs that are named."""
    folder, outer = tree
    named = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    for place, paths in enumerate(([folder], [outer], named)):
        done = invoke("redact", *paths, "-o", tmp_path / str(place))
        assert done.exit_code == 0, done.output
        assert leaks(CANARIES, {**contents(tmp_path / str(place)), "printed": done.output}) == []
    assert len(contents(tmp_path / "2")) == len(named)


def test_files_of_others_are_left_out(tmp_path):
    """Unless their own path is given; what was removed is counted by file."""
    folder = write_tree(
        tmp_path / "in",
        {
            "notes.txt": b"come to me at the secretplace\n",
            "run/dfdaemon.log": (generated("slow-source", "v1.5.1", images=1)[0] / "jobs.json").read_bytes(),
        },
    )
    done = invoke("redact", folder, "-o", tmp_path / "out")
    assert "notes.txt: is not a file of Dragonfly and was not copied" in done.stderr
    assert re.search(r"1 files? copied, 1 left out .*; [\d,]+ secrets and [\d,]+ unknown words removed", done.stderr)
    done = invoke("redact", folder / "notes.txt", "-o", tmp_path / "named")
    (copy,) = map(Path, done.stdout.splitlines())
    assert copy.read_text("utf-8") == "come to me at the [redacted]\n"


def diagnosed(path: Path) -> dict:
    said = json.loads(invoke("diagnose", path, "--format", "json").stdout)
    text = json.dumps({key: value for key, value in said.items() if key != "coverage"})
    return json.loads(text.replace(str(path), "RUN"))


def copied(run: Path, output: Path, *options: str) -> Path:
    done = invoke("redact", run, "-o", output, *options)
    assert done.exit_code == 0, done.output
    return output / run.relative_to("/")


def test_a_copy_says_the_same_of_a_run(tmp_path):
    """Causes, findings with their lines, tasks: nothing that the analysis needs is lost."""
    run, _ = generated("slow-source", "v1.5.1", images=1)
    copy = copied(run, tmp_path / "out")
    assert diagnosed(copy) == diagnosed(run)
    for path, text in contents(copy).items():
        assert text.count("\n") == (run / path).read_text("utf-8").rstrip("\n").count("\n") + 1


def test_pseudonyms_keep_the_diagnosis(tmp_path):
    """Hosts, ids and addresses are others, each always the same; causes and counts stay."""
    run, _ = generated("slow-source", "v1.5.1", images=1)
    copy = copied(run, tmp_path / "out", "--pseudonyms")
    (copy,) = (found.parent for found in (tmp_path / "out").rglob("jobs.json"))
    before, after = diagnosed(run), diagnosed(copy)
    assert after["primary_cause"] == before["primary_cause"]
    assert after["causes"] == before["causes"]
    counted = [
        [(one["id"], one["verdict"], one["count"], one["tasks"]) for one in said["findings"]]
        for said in (before, after)
    ]
    assert counted[0] == counted[1]
    ids = set(re.findall(r"[0-9a-f]{64}", "".join(contents(run).values())))
    assert ids
    assert not any(one in text for one in ids for text in contents(copy).values())


@pytest.mark.parametrize("text", BENIGN)
def test_words_that_a_diagnosis_needs_pass(text):
    """Known words, ids, digests, peers, sizes and times; names of images where addresses have them."""
    words = {"docker.io/library/nginx", "regcred", "realm", "nginx", "abcdef", "model-server"}
    (clean,) = Scrubber().lines([text])
    for free in words:
        text, clean = text.replace(free, "[redacted]"), clean.replace(free, "[redacted]")
    assert re.sub(r"\[redacted\]", "", clean).count(" ") == re.sub(r"\[redacted\]", "", text).count(" ")
    assert len(clean) >= len(text) - 60


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789", min_size=14, max_size=30))
def test_what_is_drawn_at_random_does_not_pass(drawn):
    """A run of letters and digits that is no id by its length and no word is scrubbed, wherever it stands in a sentence."""
    if not is_known(drawn):
        (clean,) = Scrubber().lines([f"pulled {drawn} and {drawn}, then failed"])
        assert clean == "pulled [redacted] and [redacted], then failed"


def test_a_pseudonym_is_always_the_same():
    """Also in the middle of an id of a peer; another run has others."""
    names = Pseudonyms(["node-7"])
    line = "10.1.2.3-node-7-3f2504e0-4f89-41d3-9a0c-0305e82c3301 https://reg.corp/v2/team/app/blobs/sha256:" + "ab" * 32
    once = names.apply(line)
    assert once == names.apply(line)
    assert not re.search("node-7|10\\.1\\.2\\.3|3f2504e0|reg.corp|team/app|abab", once)
    assert once != Pseudonyms(["node-7"]).apply(line)


def test_compressed_logs_come_out_plain(tmp_path):
    """A copy is text, whatever the input was packed with."""
    run, _ = generated("slow-source", "v1.5.1", images=1)
    log = next(run.rglob("dfdaemon.log"))
    (tmp_path / "dfdaemon.log.gz").write_bytes(gzip.compress(log.read_bytes()))
    done = invoke("redact", tmp_path / "dfdaemon.log.gz", "-o", tmp_path / "out")
    (copy,) = map(Path, done.stdout.splitlines())
    assert copy.name == "dfdaemon.log"
    assert copy.read_text("utf-8").splitlines()[0] == log.read_text("utf-8").splitlines()[0]
