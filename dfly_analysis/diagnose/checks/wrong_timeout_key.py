"""Someone set a timeout that does nothing, or the reverse of what they believe."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Finding

ID, TITLE, KNOB = (
    "wrong_timeout_key",
    "A timeout is set under a key that does not do what it says",
    "download.pieceTimeout",
)


def check(dataset: Dataset) -> Finding:
    """Look through the user's values for timeouts that are ignored."""
    wrong = [(path, why) for path, why in dataset.settings.ignored if "timeout" in path.lower()]
    if wrong:
        reason = "; ".join(f"{path}: {why}" for path, why in wrong)
        return Finding(ID, TITLE, "present", "medium", len(wrong), 0, knob=KNOB, reason=reason)
    if not dataset.settings.user and not dataset.settings.rendered:
        return Finding(
            ID,
            TITLE,
            "unknown",
            "info",
            knob=KNOB,
            reason="no Helm values and no rendered configuration were given; add --values",
        )
    return Finding(
        ID, TITLE, "absent", "info", knob=KNOB, reason="every timeout in the values given is one its component knows"
    )
