"""Someone set a timeout that does nothing, or the reverse of what they believe."""

from __future__ import annotations

from dfly_analysis.config import find_ignored_keys
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import plural
from dfly_analysis.findings import Finding

ABOUT = Check(
    "wrong_timeout_key",
    "A timeout is set under a key that does not do what it says",
    method="Each timeout in the Helm values and in rendered configuration, against the keys that the release reads.",
    remedy="Set download.pieceTimeout of the seed client; take the key that does nothing out of the values.",
    collect="add --values, or the dfdaemon.yaml in force",
    knob="download.pieceTimeout",
)


def check(dataset: Dataset) -> Finding:
    """Look through the user's values for timeouts that are ignored."""
    settings = dataset.settings
    about = (one for one in find_ignored_keys(settings) if one.sure and "timeout" in one.words.lower())
    wrong = {one.shown: one.reason for one in about}
    if wrong:
        ((timeouts,),) = dataset.rows("""
            SELECT count(*) FROM tasks WHERE outcome IN ('failed', 'died') AND cause = 'timeout_too_short'
        """)
        reason = "; ".join(f"{path}: {why}" for path, why in wrong.items())
        if timeouts:
            reason = f"{reason}; meanwhile timeouts failed {plural(timeouts, 'task')}"
        return ABOUT.present("medium", f"{reason}.", count=len(wrong), tasks=timeouts)
    if not settings.user.entries and not settings.rendered:
        return ABOUT.unknown("no Helm values and no rendered configuration were given")
    return ABOUT.absent("every timeout in the values given is one its component knows")
