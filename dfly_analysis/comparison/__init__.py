"""Did a change help: failure rates and times of two runs, each effect with its interval, and the settings side by side."""

from dfly_analysis.comparison.compare import Comparison, SettingPair, compare_datasets
from dfly_analysis.comparison.durations import TimeEffect
from dfly_analysis.comparison.proportions import Effect

__all__ = ["Comparison", "Effect", "SettingPair", "TimeEffect", "compare_datasets"]
