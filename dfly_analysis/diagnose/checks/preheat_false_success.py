"""The manager says SUCCESS while blobs are missing."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnose.evidence import iso, plural
from dfly_analysis.findings import Evidence, Finding

ID, TITLE = "preheat_false_success", "A preheat job claims SUCCESS while layers are missing"
KNOB = "POST /oapi/v1/jobs args.scope"


def check(dataset: Dataset) -> Finding:
    """Compare what each job reports as there with what it was asked for, or with what its seeds lost."""
    preheats = dataset.jobs[dataset.jobs["type"] == "preheat"]
    if preheats.empty:
        reason = "the input holds no preheat job; save GET /oapi/v1/jobs?type=preheat beside the logs"
        return Finding(ID, TITLE, "unknown", "info", knob=KNOB, reason=reason)
    claims = preheats[preheats["state"] == "SUCCESS"]
    lost = dataset.failed_tasks
    lost = set(lost.loc[lost["role"] == "seedClient", "url"].dropna()) - {
        url for urls in preheats.get("urls_succeeded", ()) for url in urls
    }
    false = claims[claims["false_success"]]
    if not false.empty:
        missing = sum(len(urls) for urls in false["missing_urls"])
        reason = f"{len(claims)} of {plural(len(preheats), 'preheat job')} claim SUCCESS; in {len(false)} of them {plural(missing, 'layer')} of those asked for {'is' if missing == 1 else 'are'} missing."
        texts = [
            Evidence(
                row.log_path,
                int(row.log_line),
                f"job {row.job_id}: state {row.state}, {row.succeeded} of {row.layers} blobs are there",
            )
            for row in false.head(6).itertuples()
        ]
        return Finding(
            ID,
            TITLE,
            "present",
            "high",
            len(false),
            missing,
            iso(false["created"].min()),
            iso(false["ended"].max()),
            KNOB,
            reason,
            None,
            tuple(texts),
        )
    if not claims["checked"].all() and lost and len(claims):
        first = claims.iloc[0]
        reason = f"{plural(len(lost), 'blob')} that seed clients lost appear in no job's list of success, while {plural(len(claims), 'job')} claim SUCCESS."
        text = Evidence(
            first["log_path"],
            int(first["log_line"]),
            f"job {first['job_id']}: state SUCCESS, {first['succeeded']} blobs are there",
        )
        return Finding(
            ID,
            TITLE,
            "present",
            "high",
            len(claims),
            len(lost),
            iso(claims["created"].min()),
            iso(claims["ended"].max()),
            KNOB,
            reason,
            None,
            (text,),
        )
    if len(claims) and not claims["checked"].all():
        reason = "what the jobs were asked for is not known; add the scheduler's job.log or the image's manifest"
        return Finding(ID, TITLE, "unknown", "info", knob=KNOB, reason=reason)
    return Finding(
        ID,
        TITLE,
        "absent",
        "info",
        knob=KNOB,
        reason=f"{plural(len(claims), 'job')} claim SUCCESS and every blob asked for is there",
    )
