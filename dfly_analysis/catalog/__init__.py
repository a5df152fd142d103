"""What is known of Dragonfly, by release: log formats and events, error signatures, defaults, metrics, known bugs, rules.

A fact is an entry in YAML below ``entries/``, validated by the model in the module of the same name.
"""

from __future__ import annotations

LANGUAGES = ("en", "zh")
"""Languages of what is shown; what the code says is in the first, `dfly_analysis.catalog.translation` puts it into the others."""


def load_catalog() -> None:
    """Read every file, so that all of them are valid and cached; an installation does so."""
    from dfly_analysis.catalog import (
        config_checks,
        defaults,
        envelopes,
        error_signatures,
        job_api,
        key_spelling,
        known_bugs,
        log_events,
        log_formats,
        monitoring,
        piece_length_rules,
        sizing_guide,
        translation,
    )

    for load in (
        config_checks.load_config_rules, defaults.all_defaults, envelopes.load_envelopes, error_signatures.load_signatures,
        job_api.load_job_api, known_bugs.load_known_bugs, log_events.load_events, log_formats.load_formats,
        monitoring.load_alert_rules, monitoring.load_metric_names, monitoring.load_panels,
        piece_length_rules.piece_attempts, sizing_guide.article_from_bytes, sizing_guide.compression_kinds,
    ):  # fmt: skip
        load()
    key_spelling.is_known_key("client", "")
    for language in LANGUAGES[1:]:
        translation.load_sentences(language)
