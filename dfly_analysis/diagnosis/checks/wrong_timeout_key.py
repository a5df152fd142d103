"""A timeout is set under a key that has no effect, or the opposite of the intended one."""

from dfly_analysis.config.ignored_keys import find_ignored_keys
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message, plural

ABOUT = load_check("wrong_timeout_key")


def check(dataset: Dataset) -> Finding:
    settings = dataset.settings
    ignored = (key for key in find_ignored_keys(settings) if key.sure and "timeout" in key.text.lower())
    wrong = {key.shown: message("{key}: {reason}", key=key.shown, reason=key.reason) for key in ignored}
    if wrong:
        tasks = failed_tasks(dataset, "cause = 'timeout_too_short'")
        facts = [*wrong.values()]
        if tasks:
            facts.append(plural("timeouts failed {n} task", "timeouts failed {n} tasks", tasks))
        return ABOUT.present("medium", *facts, count=len(wrong), tasks=tasks)
    if not settings.user.entries and not settings.rendered:
        return ABOUT.unknown("no Helm values and no rendered configuration were given")
    return ABOUT.absent("its component reads every timeout in the given values")
