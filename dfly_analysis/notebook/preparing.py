"""What many runs have in common, done once before they are forked off."""

from __future__ import annotations

from dfly_analysis.notebook.cells import import_ahead
from dfly_analysis.notebook.engine import import_papermill


def prepare_runs() -> None:
    """Import what running a packaged notebook takes and read what is known, so that forks of this process have it already."""
    import_papermill()
    import_ahead()
    _read_catalogue()
    _compile_templates()
    _draw_nothing()


def _read_catalogue() -> None:
    """Read of the catalogue what every run asks for; each of these keeps what it read."""
    from dfly_analysis.catalog.defaults import defaults_of
    from dfly_analysis.catalog.envelopes import load_envelopes, load_notices
    from dfly_analysis.catalog.error_signatures import signatures_in
    from dfly_analysis.catalog.known_bugs import load_known_bugs
    from dfly_analysis.catalog.log_events import starts_in_order
    from dfly_analysis.catalog.log_formats import load_formats
    from dfly_analysis.catalog.releases import charts, releases
    from dfly_analysis.diagnosis.checks import all_checks
    from dfly_analysis.models.fitting import further_fitters
    from dfly_analysis.models.laws import all_laws
    from dfly_analysis.rules import all_rules

    for read in (
        *(all_checks, starts_in_order, load_known_bugs, load_formats, charts, load_notices, load_envelopes),
        *(further_fitters, all_laws, all_rules),
    ):
        read()
    defaults_of("seedClient", "download.pieceTimeout")
    releases("client")
    signatures_in("")


def _compile_templates() -> None:
    from dfly_analysis.report.view import templates

    made = templates()
    for name in made.list_templates(extensions=["j2"]):
        made.get_template(name)


def _draw_nothing() -> None:
    """Draw an empty figure: the first one looks for fonts."""
    from dfly_analysis.plots.canvas import drawing, finish

    with drawing(100) as canvas:
        canvas.subplots().set_title("0")
        finish(canvas, 0, alt="", caption="")
