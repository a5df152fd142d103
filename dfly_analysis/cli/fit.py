"""The command fit."""

from collections.abc import Iterator, Mapping
from typing import Any

from dfly_analysis.cli.options import command, format_option, load_dataset, options
from dfly_analysis.cli.output import Row, print_result, table, wrap
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.options import ReadingOptions, SettingsOptions
from dfly_analysis.quantities import interval_text
from dfly_analysis.units import format_share, format_size, size_class

_QUANTILES = (0.5, 0.99, 0.999)


@command("dfly-analysis fit logs/", "dfly-analysis fit bench.csv --format csv > parameters.csv")
@options(SettingsOptions, ReadingOptions, paths=True)
@format_option
def fit(paths: tuple[str, ...], output_format: str, **given: Any) -> None:
    """Fit models of piece times, and of task failures by size."""
    from dfly_analysis.estimates import NotFitted
    from dfly_analysis.models import fit_all
    from dfly_analysis.reporting.json import fit_json

    fits = fit_all(load_dataset(paths, given))
    missing = {name: one for name, one in fits.items() if isinstance(one, NotFitted)}
    fitted = {name: one for name, one in fits.items() if name not in missing}
    if not fitted:
        first = next(iter(missing.values()))
        text = f"no model can be fitted: {first.reason}"
        raise NotEnoughDataError(text, where=", ".join(paths), hint=first.collect)
    print_result(fit_json(fits), output_format, _rows(fitted), lambda: fits_view(fitted, missing))


def _rows(fits: Mapping[str, Any]) -> list[Row]:
    return [
        {"fit": name, "law": one.model, "n": one.n, "censored": one.n_censored, "parameter": param.name, "value": param.value, "low": param.low,
         "high": param.high, "unit": param.unit}
        for name, one in fits.items()
        for param in one.params
    ]  # fmt: skip


def fits_view(fits: Mapping[str, Any], missing: Mapping[str, Any]) -> Iterator[str]:
    """Yield each fit under its own heading, with the times it predicts, then what could not be fitted."""
    for name, one in fits.items():
        title = f"{name}: {one.model}, {one.n} rows, {one.n_censored} of them censored"
        rows = [
            {"parameter": param.name, "value": param.value, "95 % interval": f"{param.low:.4g} to {param.high:.4g}", "unit": param.unit}
            for param in one.params
        ]  # fmt: skip
        head = table(title, rows) if rows else wrap(title)  # an empirical model has no parameters
        notes = [wrap(note, "  note:") for note in getattr(one, "notes", ())]
        yield "\n".join([head, *(wrap(text, " ") for text in _predictions(one)), *notes])
    yield table("Not fitted", [
        {"fit": name, "reason": one.reason, "what to collect": one.collect or None} for name, one in missing.items()
    ])  # fmt: skip


def _predictions(fit: Any) -> Iterator[str]:
    """Yield how many tasks of each size failed, and how long a piece or task of median size takes by a model of durations."""
    for one in getattr(fit, "bins", ()):
        rate = interval_text(one.rate, "share")
        yield f"tasks of {size_class(one.from_bytes, one.to_bytes)}: {one.failed} of {one.n} failed, {rate}"
    if not hasattr(fit, "quantile") or not hasattr(fit, "attempts"):
        return
    noun = "tasks" if fit.name == "task_duration" else "pieces"
    sizes = sorted(fit.attempts.size_bytes)
    size_bytes = float(sizes[len(sizes) // 2])
    for p in _QUANTILES:
        found = fit.quantile(size_bytes, p)
        shown = interval_text(found.up_to(fit.seen_s(size_bytes)), "s")
        yield f"{format_share(p)} of {noun} of {format_size(size_bytes)} would finish without a timeout within: {shown}"
