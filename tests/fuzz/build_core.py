"""Builds the fuzzer of the compiled reader with clang: `python -m tests.fuzz.build_core FOLDER` puts it, its seeds and its words there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dfly_analysis.native import build as native
from dfly_analysis.readers.logs import native_parser
from tests.fuzz import seeds

HERE = Path(__file__).resolve().parent
FLAGS = (
    "-std=c11",
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=all",
)


def write_knowledge(header: Path) -> None:
    """Write what the compiled reader is given of known events as C arrays."""
    members, arrays = native_parser._patterns()
    names = (
        "uint8_t START_DATA",
        "int32_t START_OFFSET",
        "int32_t START_INDEX",
        "int32_t PATTERN",
        "int32_t STEPS",
        "uint8_t SETS",
        "uint8_t LITERALS",
    )
    lines = [f"enum {{ START_COUNT = {members['start_count']} }};"]
    lines += [
        f"static const {name}[] = {{{', '.join(map(str, array.tolist()))}}};"
        for name, array in zip(names, map(np.ravel, arrays), strict=True)
    ]
    header.write_text("\n".join(lines) + "\n", "utf-8")


def write_words(target: Path, words: Iterable[bytes]) -> None:
    """Write words as libFuzzer reads them."""
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words]
    target.write_text("\n".join(lines) + "\n", "utf-8")


def write_seeds(folder: Path) -> None:
    """Write the lines the fuzzer begins with, each for both grammars."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds.logs()):
        for grammar in (b"\0", b"\1"):
            (folder / f"{number}-{grammar[0]}").write_bytes(grammar + data)


def build(folder: Path) -> Path:
    """Compile the fuzzer and return its path.

    Raises
    ------
    FileNotFoundError
        Where there is no clang.
    subprocess.CalledProcessError
        Where it does not compile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clang = shutil.which("clang") or shutil.which("clang-14")
    if clang is None:
        raise FileNotFoundError("clang is needed (on Debian: apt-get install clang-14 libclang-rt-14-dev)")
    write_knowledge(folder / "knowledge.h")
    write_words(folder / "words.dict", seeds.words())
    write_seeds(folder / "seeds")
    made = folder / "fuzz_core"
    (folder / native.HEADER).write_text(native.header(), "ascii")
    sources = [*native.sources(), HERE / "core_main.c"]
    subprocess.run(
        [clang, *FLAGS, f"-I{native.FOLDER}", f"-I{folder}", *map(str, sources), "-o", str(made)], check=True
    )
    return made


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
