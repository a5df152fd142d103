"""Statistics: the law of a piece's time, what else ends it, how often tasks and layers fail. Only this package uses scipy."""

from dfly_analysis.fits import wilson
from dfly_analysis.models.choosing import fit_duration
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.fitting import fit_all
from dfly_analysis.models.laws import all_laws
from dfly_analysis.models.layers import layer_failure_rate, task_failure_probability, timeout_for_target
from dfly_analysis.models.nonparametric import kaplan_meier
from dfly_analysis.models.tasks import SizeBin, TaskFailureFit, task_failure_by_size

__all__ = [
    "DurationFit",
    "SizeBin",
    "TaskFailureFit",
    "all_laws",
    "fit_all",
    "fit_duration",
    "kaplan_meier",
    "layer_failure_rate",
    "task_failure_by_size",
    "task_failure_probability",
    "timeout_for_target",
    "wilson",
]
