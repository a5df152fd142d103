"""`plan-preheat`: manifests of every form, stages, times and failures from logs or a bandwidth, jobs by release, checks."""

import json
import subprocess
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import write_planted

import dfly_analysis as dfly
from dfly_analysis.catalog.job_api import job_api
from dfly_analysis.cli import main
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError, SourceError
from dfly_analysis.estimates import Interval
from dfly_analysis.models import fit_all
from dfly_analysis.recommendation.manifest import image_url, read_manifest
from dfly_analysis.recommendation.preheat_jobs import checks_of, command_of, image_job, job_timeout_s, scope_name
from dfly_analysis.recommendation.preheat_plan import plan_preheat
from dfly_analysis.recommendation.transfer_times import Link, any_failure, busy_rate_bps
from dfly_analysis.schema import PIECES

MIB, GIB = 2**20, 2**30
SIZES = (30 * MIB, 400 * MIB, 20 * GIB)


def digest(number):
    return f"sha256:{number:064x}"


def layer(number, size, **more):
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(number), "size": size, **more}


def manifest(sizes=SIZES, **more):
    return {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(999), "size": 7000},
        "layers": [layer(number, size) for number, size in enumerate(sizes, start=1)], **more,
    }  # fmt: skip


def read(content, **more):
    return read_manifest(json.dumps(content), "m.json", **more)


def planned(sizes=SIZES, chart="1.7.4", **more):
    return plan_preheat(read(manifest(sizes)), settings=dfly.Settings.resolve(chart=chart), **more)


def invoke(*arguments, **more):
    return CliRunner().invoke(main, ["plan-preheat", *map(str, arguments)], **more)


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Return a loaded run with a slow registry, and its fits."""
    folder = tmp_path_factory.mktemp("planted")
    write_planted(folder, "slow-source", "v1.5.1")
    dataset = dfly.load([folder / "run"])
    return folder / "run", dataset, fit_all(dataset)


def test_manifests_of_all_forms_give_the_same_layers(tmp_path):
    """OCI and Docker manifests, what docker prints with -v, an OCI layout and an index with one platform read alike."""
    plain = read(manifest())
    docker = manifest(mediaType="application/vnd.docker.distribution.manifest.v2+json")
    descriptor = {"digest": digest(5), "platform": {"os": "linux", "architecture": "amd64"}}
    other = {"digest": digest(6), "platform": {"os": "linux", "architecture": "arm64"}}
    attestation = {"digest": digest(7), "platform": {"os": "unknown", "architecture": "unknown"}}
    blob = tmp_path / "blobs" / "sha256" / digest(5).split(":")[1]
    blob.parent.mkdir(parents=True)
    blob.write_text(json.dumps(manifest()))
    found = [
        read(docker),
        read({"Ref": "x", "Descriptor": descriptor, "OCIManifest": manifest()}),
        read([{"Descriptor": other, "SchemaV2Manifest": manifest((5,))}, {"Descriptor": descriptor, "SchemaV2Manifest": docker}], platform="linux/amd64"),
        read({"manifests": [descriptor, attestation]}, folder=tmp_path),
        read({"manifests": [other, descriptor]}, folder=tmp_path, platform="linux/amd64"),
    ]  # fmt: skip
    assert [one.digest for one in plain.layers] == [digest(1), digest(2), digest(3)]
    assert plain.size_bytes == sum(SIZES)
    assert plain.configuration.digest == digest(999)
    for one in found:
        assert one.layers == plain.layers
    assert found[1].platform == "linux/amd64"


def test_a_layer_that_stands_twice_is_fetched_once():
    """Equal digests are one blob."""
    assert [one.digest for one in read({**manifest(), "layers": [layer(1, 5), layer(2, 6), layer(1, 5)]}).layers] == [
        digest(1),
        digest(2),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "contains no manifest"),
        ("7", "contains no manifest"),
        ('{"layers": []}', "has no layers"),
        ('{"layers": [{"size": 5}]}', "layers[0] has no digest"),
        (json.dumps({"layers": [{"digest": digest(1), "size": -1}]}), "layers[0] has no size"),
        (json.dumps({"layers": [{"digest": digest(1), "size": True}]}), "layers[0] has no size"),
        (json.dumps({"layers": [{"digest": "../../x", "size": 1}]}), "layers[0] has no digest"),
        ('{"fsLayers": []}', "schema 1"),
        ('{"manifests": []}', "names no manifest"),
        (json.dumps({"manifests": [{"digest": digest(1), "platform": {"os": "linux", "architecture": "amd64"}}]}), "crane manifest IMAGE@sha256"),
        (json.dumps({"manifests": [{"digest": digest(n), "platform": {"os": "linux", "architecture": a}} for n, a in enumerate(("amd64", "arm64"), 1)]}), "choose one with --platform"),
        ('{"type": "preheat", "args": {"type": "image", "url": "https://r/v2/a/manifests/1"}}', "names no layers"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_one_line_with_the_way_out(content, words, tmp_path):
    """File, place and way out stand on one line, with the exit code of unreadable input."""
    path = tmp_path / "m.json"
    path.write_text(content)
    done = invoke(path)
    assert done.exit_code == 3
    assert words in done.stderr
    assert str(path) in done.stderr
    assert done.stderr.count("\n") == 1
    assert "(" in done.stderr


@settings(max_examples=examples(60))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "layers",
                        "digest",
                        "size",
                        "manifests",
                        "args",
                        "result",
                        "urls",
                        "config",
                        "platform",
                        "annotations",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_a_manifest_or_one_line(content):
    """Whatever JSON it is, the answer is a manifest or a `SourceError`."""
    problem_text = None
    try:
        found = read(content)
    except SourceError as problem:
        problem_text = str(problem)
    assert found.layers if problem_text is None else "\n" not in problem_text


def test_a_job_names_layers_and_the_logs_their_sizes(slow):
    """Of a job's JSON the layers come from its result, their sizes from the logs given; without logs there is a warning."""
    run, dataset, fits = slow
    job = json.loads((run / "jobs.json").read_text())[0]
    found = read(job)
    assert len(found.layers) > 1
    without = plan_preheat(found, settings=dfly.Settings.resolve(client="v1.5.1"))
    assert without.time is None
    assert any("is not known" in one for one in without.warnings)
    known = plan_preheat(found, settings=dataset.settings, dataset=dataset, fits=fits)
    assert known.time is not None
    urls = known.jobs[0]["payload"]["args"]["urls"]
    assert all("/blobs/sha256:" in url for url in urls)


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("reg.example/ml/train:v1", "https://reg.example/v2/ml/train/manifests/v1"),
        ("reg.example:5000/a", "https://reg.example:5000/v2/a/manifests/latest"),
        ("http://localhost/a:b", "http://localhost/v2/a/manifests/b"),
        (f"reg.example/a@{digest(1)}", f"https://reg.example/v2/a/manifests/{digest(1)}"),
        ("https://reg.example/v2/a/manifests/3", "https://reg.example/v2/a/manifests/3"),
    ],
)
def test_images_are_written_as_people_write_them(image, url):
    """Name, tag and digest become the address of the manifest."""
    assert image_url(image) == url


def test_an_image_without_registry_is_refused():
    """A bare name could be any registry's."""
    with pytest.raises(DflyError, match="has no registry host"):
        image_url("busybox")


def test_start_up_layers_by_list_annotation_and_order():
    """Named layers come first whatever their place; so do annotated ones; else the first tenth, and that is an assumption of the plan."""
    by_list = planned(first=[digest(3)[7:]])
    assert [one.digest for one in by_list.stages[0].layers] == [digest(3)]
    marked = manifest()
    marked["layers"][1]["annotations"] = {"example.com/start": "yes"}
    by_annotation = plan_preheat(
        read(marked), settings=dfly.Settings.resolve(chart="1.7.4"), annotation="example.com/start"
    )
    assert [one.digest for one in by_annotation.stages[0].layers] == [digest(2)]
    nydus = manifest()
    nydus["layers"][2]["annotations"] = {"containerd.io/snapshot/nydus-bootstrap": "true"}
    assert [one.digest for one in plan_preheat(read(nydus), settings=dfly.Settings.resolve()).stages[0].layers] == [
        digest(3)
    ]
    by_order = planned()
    assert [one.digest for one in by_order.stages[0].layers] == [digest(1), digest(2)]
    assert "not known" in by_order.assumptions[0]


@pytest.mark.parametrize(
    ("asked", "words"), [("sha256:f00d", "no layer has the digest"), ("sha256:0000", "3 layers start with")]
)
def test_a_wrong_digest_is_one_line(asked, words):
    """A digest that fits no layer, or several, is refused with the manifest's name."""
    with pytest.raises(DflyError, match=words):
        planned(first=[asked.replace("sha256:0000", "sha256:" + "0" * 60)])


def test_stages_hold_every_layer_once_and_jobs_every_digest():
    """No layer is lost between the stages, the jobs and the checks."""
    plan = planned(rates={"registry": 100e6})
    staged = [one.digest for stage in plan.stages for one in stage.layers]
    assert sorted(staged) == [digest(1), digest(2), digest(3)]
    urls = [url for job in plan.jobs for url in job["payload"]["args"].get("urls", [])]
    assert sorted(url.rpartition("/")[2] for url in urls) == sorted([*staged, digest(999)])
    assert plan.jobs[-1]["payload"]["args"]["type"] == "image"
    assert all(one in plan.checks[0].command for one in staged)


def test_a_bandwidth_gives_times_and_margins():
    """The time is the bytes over the bandwidth; a limit below the even share of a piece fails for sure, and the warning says what to do."""
    plan = planned(rates={"registry": 100e6})
    assert plan.time.value == pytest.approx(sum(SIZES) / 100e6, rel=0.1)
    rest = plan.stages[-1]
    assert rest.margin == pytest.approx(40 / (16 * 64 * MIB / 100e6))
    assert rest.failure is None
    slow = planned(rates={"registry": 20e6})
    assert slow.stages[-1].margin < 1
    assert slow.failure.value == 1.0
    assert any("every piece times out" in one for one in slow.warnings)


def test_without_logs_and_bandwidth_there_is_no_time():
    """Nothing is made up: no time, no failure, and what to give."""
    plan = planned()
    assert plan.time is None
    assert plan.failure is None
    assert any("give logs with --from, or a bandwidth" in one for one in plan.assumptions)


def test_predictions_from_logs_meet_what_happened(tmp_path):
    """Layers of a run itself: the median of observed over predicted time is within a quarter, and most lie in the interval."""
    write_planted(tmp_path, "healthy", "v1.0.26")
    dataset = dfly.load([tmp_path / "run"])
    link = _link_of(dataset, fit_all(dataset))
    seeds = dataset.tasks[(dataset.tasks["outcome"] == "ok") & (dataset.tasks["role"] == "seedClient")]
    tasks = seeds[seeds["size_bytes"] > 30e6]
    predicted = [link.layer_time(int(size), [int(size)]) for size in tasks["size_bytes"]]
    ratios = sorted(float(seen) / one.value for seen, one in zip(tasks["duration_s"], predicted, strict=True))
    assert len(ratios) >= 4
    assert 0.75 < ratios[len(ratios) // 2] < 1.25
    inside = [one.low * 0.9 <= seen <= one.high * 1.1 for seen, one in zip(tasks["duration_s"], predicted, strict=True)]
    assert sum(inside) >= 0.7 * len(inside)


def _link_of(dataset, fits):
    from dfly_analysis.recommendation.transfer_times import find_links

    return find_links(dataset.settings, dataset, fits, {}).source


def test_intervals_are_ordered_and_failure_grows_with_layers(slow):
    """Every interval holds its value; more layers fail at least as often; a second seedless call gives the same."""
    _, dataset, fits = slow
    plans = [
        plan_preheat(read(manifest(sizes)), settings=dataset.settings, dataset=dataset, fits=fits)
        for sizes in ((100 * MIB,), (100 * MIB, 300 * MIB))
    ]
    for plan in plans:
        assert plan.time.low <= plan.time.value <= plan.time.high
        assert 0 <= plan.failure.low <= plan.failure.value <= plan.failure.high <= 1
        assert plan.pulls[0].pull.value > 0
        assert plan.degrees[plan.parallel - 1].time.value <= plan.degrees[0].time.value + 1e-9
    assert plans[0].failure.value <= plans[1].failure.value
    again = plan_preheat(read(manifest((100 * MIB, 300 * MIB))), settings=dataset.settings, dataset=dataset, fits=fits)
    assert again.time == plans[1].time


def test_a_link_that_is_full_makes_pieces_slower(slow):
    """Layers in parallel beyond the bandwidth take longer each, and are cut more often."""
    _, dataset, fits = slow
    link = _link_of(dataset, fits)
    narrow = Link(link.duration_model, link.bandwidth_bps / 4, link.slots, link.timeout_s, link.client, link.passes)
    size = 300 * MIB
    assert narrow.layer_time(size, [size] * 4).value > 2 * link.layer_time(size, [size]).value
    assert narrow.layer_failure(size, [size] * 4).value >= link.layer_failure(size, [size]).value


def test_the_cache_of_the_node_spares_the_network(slow):
    """A pull out of the node's own cache needs no transfer that could fail; unpacking is added to all."""
    _, dataset, fits = slow
    plan = plan_preheat(
        read(manifest()),
        settings=dataset.settings,
        dataset=dataset,
        fits=fits,
        rates={"seed": 50e6, "node": 1e9, "unpack": 200e6},
    )
    nothing, seed, node = plan.pulls
    assert node.failure.value == 0.0
    assert node.pull.value == pytest.approx(sum(SIZES) / 1e9, rel=0.05)
    assert node.pull.value < seed.pull.value
    assert nothing.pull.value > 0
    for one in plan.pulls:
        assert one.start.value - one.pull.value == pytest.approx(sum(SIZES) / 200e6)


@pytest.mark.parametrize(
    ("version", "scope", "spelt", "fields"),
    [
        ("v2.1.50", "single_seed_peer", None, set()),
        ("v2.1.63", "single_seed_peer", "single_peer", {"timeout"}),
        ("v2.1.63", "all_peers", "all_peers", {"timeout", "concurrent_count"}),
        ("v2.3.0", "all_seed_peers", "all_seed_peers", {"timeout"}),
        ("v2.3.4", "single_seed_peer", "single_seed_peer", {"timeout", "concurrent_task_count"}),
        ("v2.5.1", "all_peers", "all_peers", {"timeout", "concurrent_task_count", "concurrent_peer_count"}),
    ],
)
def test_payloads_are_those_of_the_release(version, scope, spelt, fields):
    """Scope, deadline and concurrency are spelt as that release of the manager takes them."""
    api = job_api(version)
    payload = image_job(read(manifest()), api, scope, 3, job_timeout_s(api, 900.0))
    arguments = payload["args"]
    assert arguments.get("scope") == spelt
    assert fields == set(arguments) & {"timeout", "concurrent_count", "concurrent_task_count", "concurrent_peer_count"}
    assert payload["type"] == "preheat"


def test_a_plan_for_releases_of_tomorrow_says_what_it_rests_on():
    """Client, manager and chart that are not known: the nearest ones are named, and none is called missing."""
    manifests = read(manifest(SIZES))
    newer = dfly.Settings.resolve({"seedClient.image.tag": "v1.99.0", "manager.image.tag": "v2.9.0"})
    said = "\n".join(plan_preheat(manifests, settings=newer).assumptions)
    assert "manager v2.9.0 is not known to this version" in said
    assert "client v1.99.0 is not known to this version" in said
    assert "what the values leave out is that of chart" in said
    said = "\n".join(planned(chart="1.99.0").assumptions)
    assert "which manager chart 1.99.0 ships is not known" in said
    assert "which seedClient chart 1.99.0 ships is not known" in said


@pytest.mark.parametrize(("version", "scope"), [("v2.1.50", "all_peers"), ("v2.1.63", "all_seed_peers")])
def test_a_scope_that_a_release_lacks_is_refused(version, scope):
    """It would be an invalid job."""
    with pytest.raises(DflyError, match=f"has no scope {scope}"):
        scope_name(job_api(version), scope)


@given(st.floats(1, 1e6), st.sampled_from(["v2.1.57", "v2.3.1", "v2.4.0", "v2.5.1"]))
def test_deadlines_are_nanoseconds_within_the_manager_s_window(longest_s, version):
    """A deadline is whole, at least ten minutes in nanoseconds, and never beyond the manager's own patience."""
    api = job_api(version)
    seconds = job_timeout_s(api, longest_s)
    nanoseconds = image_job(read(manifest()), api, "single_seed_peer", 1, seconds)["args"]["timeout"]
    assert isinstance(nanoseconds, int)
    assert 600 <= nanoseconds / 1e9 <= api.window_s


def test_a_stage_that_would_outlast_the_manager_is_split():
    """Where a job carries the whole stage, no job of several layers is predicted to take longer than the manager asks for."""
    api = job_api("v2.5.1")
    plan = planned((10 * GIB,) * 12, rates={"registry": 20e6}, first=[digest(1)])
    assert len(plan.stages) > 2
    assert all(stage.time.high <= api.window_s or len(stage.layers) == 1 for stage in plan.stages)
    one = planned((400 * GIB,), rates={"registry": 20e6})
    assert any("FAILURE of the job may be false" in text for text in one.warnings)


def test_the_check_finds_the_missing_layer(tmp_path):
    """The printed command, run on a job that says SUCCESS, prints exactly the layer that is not there."""
    found = read(manifest())
    tasks = [{"url": f"https://r/v2/a/blobs/{digest(n)}"} for n in (1, 3)]
    (tmp_path / "there").write_text("\n".join(task["url"] for task in tasks))
    command = checks_of(found, job_api("v2.5.1"), "single_seed_peer")[0].command
    # neither curl nor jq here: what they would print is given
    _, _, after = command.partition("url' | ")
    done = subprocess.run(
        ["bash", "-c", f"cat there | {after}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [digest(2)]


def test_commands_are_safe_to_paste():
    """A quote in an address stays inside the payload."""
    payload = {"args": {"url": "https://r/v2/a'b; rm -r x/manifests/1"}}
    shown = command_of(payload)
    done = subprocess.run(
        ["bash", "-c", shown.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == payload


def test_the_command_prints_tables_json_and_yaml(slow, tmp_path):
    """Data go to stdout in the asked form, with the same numbers; standard input works; warnings go to stderr."""
    run, _, _ = slow
    text = json.dumps(manifest((100 * MIB, 300 * MIB)))
    made = {
        form: invoke("-", "--from", run, "--image", "reg.example/ml/train:v1", "--format", form, input=text) for form in ("table", "json", "yaml")
    }  # fmt: skip
    assert all(done.exit_code == 0 for done in made.values()), made["table"].stderr
    content = json.loads(made["json"].stdout)
    assert content["schema_version"] == 1
    assert content == yaml.safe_load(made["yaml"].stdout)
    assert content["time_s"]["low"] < content["time_s"]["high"]
    assert [one["case"] for one in content["pulls"]] == ["nothing preheated", "on a seed", "on the node"]
    assert content["jobs"][0]["payload"]["args"]["urls"][0].startswith("https://reg.example/v2/ml/train/blobs/sha256:")
    for heading in ("Stages", "Layers in parallel", "Pull and start on a node", "Verify afterwards", "Assumptions"):
        assert f"\n{heading}" in made["table"].stdout


def test_a_binary_file_is_one_line(tmp_path):
    """The image itself is no manifest."""
    (tmp_path / "x").write_bytes(b"\x1f\x8b\xff\xfe")
    done = invoke(tmp_path / "x")
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1


@cache
def _rates():
    return st.floats(0, 1)


@given(st.lists(_rates(), min_size=1, max_size=5))
def test_one_of_several_fails_at_least_as_often_as_the_worst(rates):
    """The chance that any fails is at least the largest and at most the sum."""
    found = any_failure([Interval(one, one, one) for one in rates])
    assert max(rates) - 1e-12 <= found.value <= min(1.0, sum(rates)) + 1e-12


def test_sizes_that_are_not_known_are_not_made_up():
    """A layer without a size makes the whole unknown, and `with_sizes` fills only what is lacking."""
    found = read(manifest())
    holed = replace(found, layers=(replace(found.layers[0], size_bytes=None), *found.layers[1:]))
    assert holed.size_bytes is None
    assert holed.with_sizes({digest(1): 5, digest(2): 6}).size_bytes == 5 + sum(SIZES[1:])


def test_idle_time_does_not_lower_the_busiest_rate():
    """Bursts with long pauses reach the rate of the bursts, whatever rounding leaves of the sum between them."""
    started = pd.to_datetime(
        [1000.1 * burst + 0.1 * place for burst in range(20) for place in range(7)], unit="s", utc=True
    )
    spans = pd.to_timedelta([3.3 + 0.07 * place for _ in range(20) for place in range(7)], unit="s")
    pieces = PIECES.frame(
        {
            "origin": ["parent"] * 140, "outcome": ["ok"] * 140, "size_bytes": [10_000_019] * 140, "started": started,
            "ended": started + spans, "duration_s": spans.total_seconds(), "host": ["node"] * 140,
        }
    )  # fmt: skip
    rate = busy_rate_bps(Dataset.from_frames(pieces=pieces), "parent")
    assert rate == pytest.approx(sum(10_000_019 / (3.3 + 0.07 * place) for place in range(7)), rel=0.01)
    assert busy_rate_bps(Dataset.from_frames(), "parent") is None
