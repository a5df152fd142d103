"""Statistics: how long a piece takes, what else ends it, how often tasks and layers fail."""

from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, measured_retry_correlation, wilson
from dfly_analysis.models.benchmarks import BenchmarkFit, fit_benchmark
from dfly_analysis.models.diagnostics import check_fit
from dfly_analysis.models.distributions import all_distributions
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.experiment_design import plan_runs
from dfly_analysis.models.failure_by_size import TaskFailureFit, task_failure_by_size
from dfly_analysis.models.fit_all_models import fit_all
from dfly_analysis.models.kaplan_meier import kaplan_meier
from dfly_analysis.models.layer_failure import LayerShape, layer_failure_chance, layer_failure_rate, timeout_for_target
from dfly_analysis.models.link_capacity import CapacityFit, fit_capacity
from dfly_analysis.models.model_selection import fit_duration
from dfly_analysis.models.storage import StorageFit, fit_storage
from dfly_analysis.models.timeout_selection import choose_timeout, timeout_sensitivity

__all__ = [
    "DEFAULT_RETRY_CORRELATION", "BenchmarkFit", "CapacityFit", "DurationFit", "LayerShape", "StorageFit", "TaskFailureFit",
    "all_distributions", "check_fit", "choose_timeout", "fit_all", "fit_benchmark", "fit_capacity", "fit_duration", "fit_storage",
    "kaplan_meier", "layer_failure_chance", "layer_failure_rate", "measured_retry_correlation", "plan_runs", "task_failure_by_size",
    "timeout_for_target", "timeout_sensitivity", "wilson",
]  # fmt: skip
