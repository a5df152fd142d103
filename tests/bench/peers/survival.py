"""What other packages make of the same attempts; run in an environment of their own. python survival.py ASKED.json ANSWERS.json"""

import contextlib
import importlib.metadata
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def read(one):
    rows = pd.read_csv(one["path"])
    return rows["size_bytes"].to_numpy(float), rows["duration_s"].to_numpy(float), (rows["outcome"] == "ok").to_numpy()


def lifelines_best(size, time_s, event, asked):
    """Best of three accelerated failure time laws by Akaike's criterion."""
    from lifelines import LogLogisticAFTFitter, LogNormalAFTFitter, WeibullAFTFitter

    frame = pd.DataFrame({"time": time_s, "event": event, "x": np.log(size)})
    fits = []
    for law in (WeibullAFTFitter, LogNormalAFTFitter, LogLogisticAFTFitter):
        with contextlib.suppress(Exception):  # a law that does not converge is out of the race
            fits.append(law().fit(frame, "time", "event"))
    best = min(fits, key=lambda fit: fit.AIC_)
    return [float(np.ravel(best.predict_percentile(pd.DataFrame({"x": [np.log(at)]}), p=1 - p))[0]) for at, p in asked]


def surpyval_best(size, time_s, event, asked):
    """Best of three laws of the time a byte takes, by Akaike's criterion; time in proportion to size."""
    import surpyval

    fits = []
    for law in (surpyval.Weibull, surpyval.LogNormal, surpyval.LogLogistic):
        with contextlib.suppress(Exception):
            fit = law.fit(x=time_s / size * 2**22, c=(~event).astype(int))
            fits.append((float(fit.aic()), fit))
    best = min(fits, key=lambda pair: pair[0])[1]
    return [float(np.ravel(best.qf(p))[0]) * at / 2**22 for at, p in asked]


def statsmodels_pooled(size, time_s, event, asked):
    """Kaplan and Meier's estimate of the time a byte takes, all sizes together; none where it does not reach."""
    from statsmodels.duration.survfunc import SurvfuncRight

    curve = SurvfuncRight(time_s / size, event.astype(int))
    return [float(curve.quantile(p)) * at if np.isfinite(curve.quantile(p)) else None for at, p in asked]


def survivors_only(size, time_s, event, asked):
    """A log-normal through what finished, as people do by hand."""
    import statistics

    y = np.log(time_s[event] / size[event])
    return [float(np.exp(y.mean() + y.std() * statistics.NormalDist().inv_cdf(p)) * at) for at, p in asked]


WAYS = {
    "lifelines, best of three distributions": lifelines_best,
    "surpyval, best of three distributions": surpyval_best,
    "statsmodels, pooled Kaplan-Meier": statsmodels_pooled,
    "finished attempts only, log-normal": survivors_only,
}


def main(asked_path, answers_path):
    handed = json.loads(Path(asked_path).read_text())
    answers, seconds = {}, {}
    for name, way in WAYS.items():
        began = time.process_time()
        answers[name] = []
        for one in handed:
            found = [None] * len(one["asked"])
            with contextlib.suppress(Exception):
                found = way(*read(one), one["asked"])
            answers[name].append([None if value is None or not np.isfinite(value) else value for value in found])
        seconds[name] = round((time.process_time() - began) / len(handed), 3)
    versions = {name: importlib.metadata.version(name) for name in ("lifelines", "surpyval", "statsmodels")}
    Path(answers_path).write_text(json.dumps({"answers": answers, "seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main(*sys.argv[1:])
