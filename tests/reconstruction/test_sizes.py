"""Sizes of blobs from their pieces, and of pieces from their blob."""

from __future__ import annotations

import pytest
from reading_cases import generated, line, loaded
from reconstruction_cases import client, finished, rebuilt, started

from tests.synthetic import CLIENTS


@pytest.mark.parametrize("version", CLIENTS)
def test_finished_tasks_know_size_pieces_and_origin(version):
    """Sizes are those of the layers, pulled blobs came from parents, preheated ones from the source."""
    _, truth = generated("healthy", version)
    tasks = loaded("healthy", version).tasks
    sizes = {layer["size_bytes"] for layer in truth.layers}
    seeds = tasks[(tasks["role"] == "seedClient") & (tasks["n_pieces"] > 1)]
    assert sizes >= set(seeds["size_bytes"])
    assert len(seeds)
    assert seeds["origin"].eq("source").all()
    assert (seeds["bytes_from_source"] == seeds["size_bytes"]).all()
    assert (seeds["n_pieces"] == -(-seeds["size_bytes"] // seeds["piece_bytes"])).all()
    pulls = tasks[(tasks["role"] == "client") & (tasks["n_pieces"] > 1)]
    assert pulls["origin"].eq("parent").all()
    assert len(pulls)


def test_the_last_piece_is_as_long_as_what_is_left():
    """Sizes come from the blob where no report names them."""
    pieces, tasks = rebuilt(
        client(
            line(0, "content length 9000000, piece length 4194304"),
            *(started(1, n) for n in range(3)),
            *(finished(2, n) for n in range(3)),
            line(3, "download task succeeded"),
        )
    )
    assert pieces["size_bytes"].tolist() == [4194304, 4194304, 611392]
    assert tasks["bytes_from_source"].tolist() == [9000000]
