"""Whether the statements of a report agree: each contradiction, and what is known instead of the statement that fails."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dfly_analysis.estimates import FACTOR
from dfly_analysis.messages import Message, message
from dfly_analysis.quantities import SAYS_NOTHING, figure
from dfly_analysis.reporting.statements import Statement

_SLACK = 1e-6


@dataclass(frozen=True)
class Contradiction:
    """A statement that fails, the rule that found it, and what is known instead."""

    statement: str
    rule: str
    known: Message


class Statements(dict[str, Statement]):
    """Statements by their id."""

    def beginning(self, prefix: str) -> Iterator[Statement]:
        """Yield the statements whose ids begin so."""
        return (one for name, one in self.items() if name.startswith(prefix))

    def number(self, name: str) -> float | None:
        """Return the figure of a statement; None where there is none."""
        found = self.get(name)
        return found.value if found is not None and isinstance(found.value, float) else None


def reconcile(statements: Sequence[Statement]) -> tuple[tuple[Statement, ...], tuple[Contradiction, ...]]:
    """Return the statements, each that fails replaced by what is known and why the rest is not; and the contradictions found."""
    found, current = [], Statements({one.id: one for one in statements})
    for rule in _RULES:
        for contradiction in rule(current):
            found += [contradiction] if rule is not says_nothing else []
            current[contradiction.statement] = current[contradiction.statement].withheld(contradiction.known)
    return tuple(current.values()), tuple(found)


def says_nothing(statements: Statements) -> Iterator[Contradiction]:
    """Find shares of which everything is possible, and figures whose interval spans more than a factor of ten."""
    for one in list(statements.values()):
        measured = not one.id.startswith(("cause.", "proposal.")) and isinstance(one.value, float)
        if not measured or one.low is None or one.high is None or one.low == one.high:
            continue
        if one.unit == "share" and one.high - one.low >= SAYS_NOTHING:
            yield Contradiction(one.id, "says_nothing", message("not known yet: the data do not narrow it"))
        # a figure that is its own lower end, without an upper end, is a bound and says what it knows
        is_bound = one.value == one.low and math.isinf(one.high)
        if one.unit != "share" and 0.0 < FACTOR * one.low < one.high and not is_bound:
            known = message("not known yet: at least {value}", value=figure(one.low, one.unit))
            yield Contradiction(one.id, "says_nothing", known)


def prediction_denies_the_run(statements: Statements) -> Iterator[Contradiction]:
    """Find predictions under the settings in force whose upper end is below what the run itself lost."""
    observed = statements.get("layers.failure_rate")
    if observed is None or observed.low is None:
        return
    predicted = [*statements.beginning("prediction.now"), *statements.beginning("plan.")]
    for one in predicted:
        if one.unit == "share" and one.high is not None and one.high < observed.low * (1.0 - _SLACK):
            known = message(
                "{rate} of the downloads of layers on seed clients failed in this run, more than the durations of pieces explain, so their failure rate is not predicted", rate=figure(float(observed.value or 0.0), "share")
            )  # fmt: skip
            yield Contradiction(one.id, "prediction_denies_the_run", known)


def proposal_below_its_need(statements: Statements) -> Iterator[Contradiction]:
    """Find proposals that are less than the stated upper end of what is needed, or less than their lower end where that can be met."""
    for one in list(statements.beginning("proposal.")):
        if isinstance(one.value, float) and one.high is not None and math.isfinite(one.high) and one.value < one.high * (1.0 - _SLACK) and one.unit != "1":  # fmt: skip
            known = message("{value} is the next step; how much more is needed is not known yet", value=figure(one.value, one.unit))  # fmt: skip
            yield Contradiction(one.id, "proposal_below_its_need", known)


def cache_slower_than_network(statements: Statements) -> Iterator[Contradiction]:
    """Find a node that reads its own cache more slowly than a seed client fills it."""
    node, seed = (statements.number(f"pull.{case}.pull") for case in ("on the node", "on a seed"))
    if node is not None and seed is not None and node > seed * (1.0 + _SLACK):
        time = figure(seed, "s")
        known = message(
            "at most {time}, the time over the network: the assumed rate of the node's cache is too low", time=time
        )
        yield Contradiction("pull.on the node.pull", "cache_slower_than_network", known)


def counts_do_not_add_up(statements: Statements) -> Iterator[Contradiction]:
    """Find causes whose tasks are not the failed tasks, and findings in more failed tasks than failed."""
    failed, total = statements.number("tasks.failed"), statements.number("tasks.total")
    if failed is None or not total:
        return
    for one in list(statements.beginning("finding.")):
        about_tasks = one.id.endswith(".tasks") and not one.id.startswith("finding.preheat_")
        if about_tasks and isinstance(one.value, float) and one.value > failed:
            known = message("failed tasks of this finding are not known: it names more than the {n:,} that failed", n=int(failed))  # fmt: skip
            yield Contradiction(one.id, "counts_do_not_add_up", known)
    of_causes = [one for one in statements.beginning("cause.") if one.id.endswith(".tasks")]
    if failed and of_causes and sum(float(one.value or 0.0) for one in of_causes) != failed:
        for one in of_causes:
            known = message("the causes are counted over other tasks than the {n:,} that failed", n=int(failed))
            yield Contradiction(one.id, "counts_do_not_add_up", known)


def not_known_beside_known(statements: Statements) -> Iterator[Contradiction]:
    """Find a version or setting said to be unknown where another statement gives it."""
    for one in list(statements.beginning("proposal.")):
        effective = statements.get(one.id.replace("proposal.", "setting.", 1))
        unknown = any(support.source == "setting" and support.name == "unknown" for support in one.support)
        if unknown and effective is not None:
            yield Contradiction(one.id, "not_known_beside_known", message("{text}", text=effective.text))


_RULES: tuple[Callable[[Statements], Iterator[Contradiction]], ...] = (
    says_nothing, prediction_denies_the_run, proposal_below_its_need, cache_slower_than_network, counts_do_not_add_up, not_known_beside_known,
)  # fmt: skip
