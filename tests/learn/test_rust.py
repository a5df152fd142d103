"""What is read from Rust sources: keys with their defaults, constants, log statements, error texts and metrics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.learn import rust
from tools.learn.facts import COMPUTED

CRATE = b"""
pub const NAME: &str = "kitchen";
pub fn default_root() -> PathBuf {
    #[cfg(target_os = "linux")]
    return PathBuf::from("/srv/");
    #[cfg(target_os = "macos")]
    return PathBuf::from("/Users/");
}
"""
CONFIG = b"""
const ROOM: usize = 2 * 1_024;

fn default_oven_timeout() -> Duration { Duration::from_secs(6 * 60) }
fn default_racks() -> u32 { 8 }

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fuel { Gas, #[default] WoodFire }

#[derive(Debug, Clone, Validate, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Oven {
    /// How long.
    #[serde(default = "default_oven_timeout", with = "humantime_serde")]
    pub bake_timeout: Duration,
    #[serde(default = "default_racks", alias = "rackCount")]
    #[validate(range(min = 1, max = 99))]
    pub racks: u32,
    #[serde(rename = "fuelID")]
    pub fuel: Fuel,
    pub weight: ByteSize,
    #[serde(skip)]
    pub hidden: u32,
}

impl Default for Oven {
    fn default() -> Self {
        Oven { bake_timeout: default_oven_timeout(), racks: default_racks(), fuel: Fuel::default(), weight: ByteSize::mib(64), hidden: 1 }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule { pub pattern: String, pub use_tls: bool }

#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Config {
    pub oven: Oven,
    pub second_oven: Option<Oven>,
    pub rules: Option<Vec<Rule>>,
    #[serde(default = "crate::default_root")]
    pub dir: PathBuf,
    pub log_dir: PathBuf,
    pub space: usize,
    pub host: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            oven: Oven::default(), second_oven: None, rules: None, dir: crate::default_root(),
            log_dir: crate::default_root().join(super::NAME), space: ROOM, host: hostname::get().unwrap(),
        }
    }
}
"""
CODE = b"""
use tracing::{error, warn};

const IDLE: Duration = Duration::from_millis(2500);
static WIDTH: usize = 64 << 10;

#[derive(Error, Debug)]
pub enum Trouble {
    #[error("plate {0} is {state}")]
    Cold(String),
    #[error(transparent)]
    Other(#[from] io::Error),
}

lazy_static! {
    pub static ref EATEN: IntCounterVec = IntCounterVec::new(Opts::new("eaten_total", "Help.").namespace("n"), &["type", "tag"]).unwrap();
}

pub static TIME: LazyLock<HistogramVec> = LazyLock::new(|| {
    HistogramVec::new(HistogramOpts::new("cook_duration_milliseconds", "Help.").buckets(exponential_buckets(1.0, 2.0, 24).unwrap()), &["type"]).unwrap()
});

impl Cook {
    async fn serve(&self) -> Result<()> {
        let seats = self.config.hall.seat_count as usize;
        timeout(Duration::from_secs(3), self.wait()).await;
        error!(plate = 7, "plate {} of {:?} \\
            failed: {err}", 1, 2);
        tracing::warn!("100 %, {{really}}");
        return Err(Status::not_found(format!("no plate {}", 1)));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn plates() { error!("only in a test"); }
}
"""


def test_keys_have_the_default_and_the_name_that_serde_gives():
    """Renames, aliases, sections, optional sections and lists, constants, functions of the crate; what a machine knows is computed."""
    keys = {key.path: key for key in rust.read_keys("config.rs", CONFIG, CRATE)}
    assert {path: key.default for path, key in keys.items()} == {
        "oven.bakeTimeout": "360s", "oven.racks": 8, "oven.fuelID": "woodfire", "oven.weight": "64MiB",
        "secondOven.bakeTimeout": None, "secondOven.racks": None, "secondOven.fuelID": None, "secondOven.weight": None,
        "rules.pattern": None, "rules.useTls": None, "dir": "/srv/", "logDir": "/srv/kitchen", "space": 2048, "host": COMPUTED,
    }  # fmt: skip
    assert (keys["secondOven.racks"].section_default, keys["rules.useTls"].section_default) == (8, False)
    assert (keys["oven.racks"].aliases, keys["oven.racks"].validation) == (("rackCount",), "range(min = 1, max = 99)")


def test_a_section_of_another_file_is_read_there():
    """A structure that is imported has its keys and defaults in its own file; what none imports is left alone."""
    text = b"""
use kitchen_util::{fan::Fan, lamp};
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Config { pub fan: Option<Fan>, pub spare_fan: Fan, pub lamp: Lamp }
impl Default for Config { fn default() -> Self { Self { fan: None, spare_fan: Fan::default(), lamp: Lamp::default() } } }
"""
    fan = b"""
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Fan { pub blade_count: u32, pub stop_after: Duration }
impl Default for Fan { fn default() -> Self { Self { blade_count: 5, stop_after: Duration::from_millis(200) } } }
"""
    keys = rust.read_keys("config.rs", text, others={"util/fan.rs": fan, "util/lamp.rs": fan.replace(b"Fan", b"Lamp")})
    assert [(key.path, key.default, key.place.file) for key in keys if not key.path.startswith("lamp")] == [
        ("fan.bladeCount", None, "util/fan.rs"), ("fan.stopAfter", None, "util/fan.rs"),
        ("spareFan.bladeCount", 5, "util/fan.rs"), ("spareFan.stopAfter", "200ms", "util/fan.rs"),
    ]  # fmt: skip
    assert keys[0].section_default == 5
    assert [key.path for key in keys if key.path.startswith("lamp")] == ["lamp"]


def test_code_gives_statements_constants_errors_metrics_and_uses():
    """Values of a text are holes, tests are left out, a duration counts with its name or its function."""
    facts = rust.read_file("src/cook.rs", CODE)
    assert {(one.level, one.template, one.place.function, one.fields) for one in facts.statements} == {
        ("error", "plate {} of {} failed: {}", "serve", ("plate",)), ("warn", "100 %, {really}", "serve", ()),
    }  # fmt: skip
    assert {(one.name, one.value, one.place.function) for one in facts.constants} == {
        ("IDLE", "2500ms", ""), ("WIDTH", "65536", ""), ("", "3s", "serve"),
    }  # fmt: skip
    assert {(one.name, one.template) for one in facts.errors} == {
        ("Cold", "plate {} is {}"),
        ("Status::not_found", "no plate {}"),
    }
    assert {(one.name, one.shape, one.buckets) for one in facts.metrics} == {
        ("dragonfly_client_eaten_total", "counter by type, tag", ""),
        (
            "dragonfly_client_cook_duration_milliseconds",
            "histogram by type",
            "exponential_buckets(1.0, 2.0, 24).unwrap()",
        ),
    }
    assert [(str(one.place), one.field) for one in facts.uses] == [("src/cook.rs serve", "hall.seat_count")]


@given(st.integers(0, 10**6), st.sampled_from(["secs", "millis"]), st.sampled_from(["", "u64"]))
def test_a_duration_is_read_as_it_is_written(amount, unit, suffix):
    """Any amount, with separators or the type behind it."""
    source = f"const X: Duration = Duration::from_{unit}({amount:_}{suffix});".encode()
    (found,) = rust.read_file("x.rs", source).constants
    assert found.value == f"{amount}{'s' if unit == 'secs' else 'ms'}"


@pytest.mark.parametrize("text", [b"", b"fn broken( {", b"pub struct Config {", b"error!(", b"\xff\xfe"])
def test_broken_sources_are_no_error(text):
    """A parser with recovery reads what is there; a file without a configuration has no keys."""
    assert rust.read_keys("x.rs", text) == () or text.startswith(b"pub struct")
    assert rust.read_file("x.rs", text).metrics == ()
