"""What is known of Dragonfly, by release: log formats and events, error signatures, defaults, metrics, known bugs, rules.

A fact is an entry in YAML below ``entries/``, validated by the model in the module of the same name.
"""

from importlib import import_module

_LOADERS = {
    "checks": ("load_checks",),
    "config_checks": ("load_config_rules",),
    "defaults": ("all_defaults",),
    "envelopes": ("load_envelopes",),
    "error_signatures": ("load_signatures",),
    "job_api": ("load_job_api",),
    "key_spelling": ("load_key_lists",),
    "known_bugs": ("load_known_bugs",),
    "log_events": ("load_events",),
    "log_formats": ("load_formats",),
    "monitoring": ("load_alert_rules", "load_metric_names", "load_panels"),
    "piece_length_rules": ("piece_rules",),
    "sizing_guide": ("load_sizing_guide", "load_compression"),
}


def load_catalog() -> None:
    """Read every file, so that all of them are valid and cached; an installation does so."""
    for module, loaders in _LOADERS.items():
        for name in loaders:
            getattr(import_module(f"dfly_analysis.catalog.{module}"), name)()
