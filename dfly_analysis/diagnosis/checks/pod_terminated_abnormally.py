"""Kubernetes killed or evicted a container of Dragonfly, or it crashed."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_at
from dfly_analysis.diagnosis.kubernetes import format_termination, terminations
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.readers.pods import terminations_by_host

ABOUT = load_check("pod_ended_badly")


def check(dataset: Dataset) -> Finding:
    if not dataset.rows("SELECT 1 FROM pods LIMIT 1"):
        return ABOUT.unknown("the input contains nothing of Kubernetes")
    found = list(terminations(dataset))
    restarts = int(dataset.pods["restarts"].fillna(0).max())
    if not found:
        if restarts:
            return ABOUT.absent("no container terminated abnormally; most restarts of one container: {n:,}", n=restarts)
        return ABOUT.absent("no container terminated abnormally")
    by_host = terminations_by_host(row for row, _ in found)
    pods = {str(row["pod"]) for row, _ in found if row["pod"]}
    count = sum(len(by_host.get(pod, ())) for pod in pods) or len(found)
    hosts = {str(row.get(name)) for row, _ in found for name in ("pod", "node")}
    ((tasks,),) = dataset.rows(
        "SELECT count(*) FROM tasks WHERE outcome = 'died' AND list_contains(?, host)", ([*hosts],)
    )
    texts = [format_termination(row, termination) for row, termination in found]
    facts = [message("pods with abnormal terminations: {n:,}", n=len(pods)), *dict.fromkeys(texts[:3])]
    if restarts:
        facts.append(message("most restarts of one container: {n:,}", n=restarts))
    times = [termination.time for _, termination in found]
    evidence = evidence_at(
        (row["log_path"], row["log_line"], text) for (row, _), text in zip(found, texts, strict=True)
    )
    return ABOUT.present("critical", *facts, count=count, tasks=tasks, times=times, evidence=evidence)
