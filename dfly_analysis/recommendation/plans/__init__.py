"""Plans made before anything runs: how to preheat an image, and how to test settings."""

from dfly_analysis.recommendation.plans.manifest import Layer, Manifest, read_manifest
from dfly_analysis.recommendation.plans.preheat import PreheatPlan, plan_preheat
from dfly_analysis.recommendation.plans.stress import StressPlan, StressResult, plan_stress, read_stress

__all__ = [
    "Layer",
    "Manifest",
    "PreheatPlan",
    "StressPlan",
    "StressResult",
    "plan_preheat",
    "plan_stress",
    "read_manifest",
    "read_stress",
]
