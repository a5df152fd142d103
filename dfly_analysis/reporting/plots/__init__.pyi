from .durations import draw_before_after as draw_before_after
from .durations import draw_durations as draw_durations
from .durations import draw_fit as draw_fit
from .fit_diagnostics import draw_fit_diagnostics as draw_fit_diagnostics
from .rates import draw_failure_rates as draw_failure_rates
from .rates import draw_task_failures as draw_task_failures
from .timeline import draw_timeline as draw_timeline
from .waterfall import draw_waterfall as draw_waterfall
