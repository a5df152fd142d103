"""Did a change help: failure rates and times of two runs, each effect with its interval, and the settings side by side."""

from dfly_analysis.comparison.compare import compare_datasets
from dfly_analysis.comparison.settings_diff import Comparison, Effect, SettingPair, TimeEffect

__all__ = ["Comparison", "Effect", "SettingPair", "TimeEffect", "compare_datasets"]
