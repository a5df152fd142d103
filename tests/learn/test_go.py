"""What is read from Go sources: keys with their defaults, log statements, error texts and metrics."""

from __future__ import annotations

from tools.learn import go

FILES = {
    "cmd/base/options.go": b"""
package base
type Options struct {
    Console bool `yaml:"console"`
    Port int `yaml:"pprofPort"`
}
""",
    "kitchen/config/constants.go": b"""
package config
const (
    DefaultBake = 90 * time.Second
    DefaultRetry = 3
)
var DefaultAddr = ":80" + "80"
""",
    "kitchen/config/config.go": b"""
package config
type Config struct {
    base.Options `yaml:",inline"`
    Oven OvenConfig `yaml:"oven"`
    Spare *OvenConfig `yaml:"spare"`
    Secret string `yaml:"-"`
    Names []string `yaml:"names"`
}
type OvenConfig struct {
    Bake time.Duration `yaml:"bakeTimeout"`
    Retry int `yaml:"retryLimit"`
    Addr string `yaml:"addr"`
    Lit bool `yaml:"lit"`
}
func New() *Config {
    return &Config{
        Options: base.Options{Port: -1},
        Oven: OvenConfig{Bake: DefaultBake, Retry: DefaultRetry, Addr: DefaultAddr},
    }
}
""",
}
CODE = b"""
package kitchen
const Namespace = "dragonfly"
var Eaten = promauto.NewCounterVec(prometheus.CounterOpts{Namespace: Namespace, Subsystem: "kitchen", Name: "eaten_total", Help: "x"}, []string{"type"})
var Time = promauto.NewHistogram(prometheus.HistogramOpts{Namespace: Namespace, Name: "cook_seconds", Buckets: prometheus.DefBuckets})
func (c *Cook) Serve(ctx context.Context) error {
    log := logger.WithPlate(7)
    logger.Warnf("plate %d of %s%% is cold", 7, name)
    c.plate.Log.Error(err)
    log.Error("no oven: ", err)
    fmt.Errorf("oven %s", name)
    status.Error(codes.NotFound, "no plate")
    t.Errorf("not a log")
    return nil
}
"""


def test_keys_have_the_default_that_new_sets():
    """Inlined structures, constants of the package, durations with their unit, zero values; pointers and lists are sections and values."""
    found = {key.path: key.default for key in go.read_keys(go.Package(FILES), "config")}
    assert found == {
        "console": False, "pprofPort": -1, "oven.bakeTimeout": "90s", "oven.retryLimit": 3, "oven.addr": ":8080", "oven.lit": False,
        "spare.bakeTimeout": 0, "spare.retryLimit": 0, "spare.addr": "", "spare.lit": False, "names": None,
    }  # fmt: skip


def test_code_gives_statements_errors_and_metrics():
    """Verbs are holes, an error alone is one hole, and what is no logger is left out."""
    files = {"kitchen/kitchen.go": CODE}
    facts = go.read_files(files, go.Package(files))
    assert {(one.level, one.template) for one in facts.statements} == {
        ("warn", "plate {} of {}% is cold"), ("error", "{}"), ("error", "no oven: {}"),
    }  # fmt: skip
    assert {(one.name, one.template) for one in facts.errors} == {
        ("fmt.Errorf", "oven {}"),
        ("codes.NotFound", "no plate"),
    }
    assert {(one.name, one.shape, one.buckets) for one in facts.metrics} == {
        ("dragonfly_kitchen_eaten_total", "counter by type", ""), ("dragonfly_cook_seconds", "histogram", "prometheus.DefBuckets"),
    }  # fmt: skip


def test_constants_are_read_in_each_way_that_go_writes_numbers():
    """Octal numbers, durations, computed ones; a value that only a process knows is none."""
    source = b"package config\nconst (\n  A = 0640\n  B = 3 * time.Minute\n  C = 1 << 20\n)\nvar D = os.Getpid()\n"
    files = {"kitchen/config/constants.go": source}
    assert {(one.name, one.value) for one in go.read_files(files, go.Package(files)).constants} == {
        ("A", "416"), ("B", "3m"), ("C", "1048576"),
    }  # fmt: skip
