"""Scrubs the lines of one file: secrets go first, then every word that is neither known nor stands where ids, hosts and addresses do."""

import re
from collections import Counter
from collections.abc import Iterable

from dfly_analysis.redaction import MARK, LineRedactor
from dfly_analysis.sharing.pseudonyms import Pseudonyms
from dfly_analysis.sharing.words import is_known

_RUN = re.compile(r"[^\W_]+")
_ID_FIELDS = (
    r"(?:host|task|peer|parent|piece|job|group|cluster|pod|container|parent_peer|seed_peer|src_peer|dst_peer|remote)_?(?:id|ID|Id|uuid|UUID|name|Name)"
    r"|hostname|host_name|hostIP|podIP|host|node|nodeName|namespace|image|imageID|containerID|uid|ip|addr|remote_addr|region|zone|idc|location|taskUUID|groupUUID"
)
_VALUE = r"[a-z0-9][a-z0-9._:/@-]*+"
# What passes whole: values of fields that hold ids, hosts or images; names of fields; ids of peers; addresses without their query; hosts with a domain.
_PLACES = re.compile(
    rf"(?<![\w.-])(?:(?:{_ID_FIELDS})(?:\\*[\"'])?\s*+[:=]\s*+(?:Some\()?(?:\\*[\"'])?{_VALUE}(?![A-Z])"
    r"|[A-Za-z][A-Za-z_.-]{0,60}+(?=\\*[\"']?\s*+[:=])"
    r"|\d{1,3}(?:\.\d{1,3}){3}-[a-z0-9][a-z0-9.-]*+(?![A-Z_])"
    r"|(?:https?|docker|oci|s3|oss|obs|cos|hdfs)://[a-z0-9.-]++(?::\d+)?(?:/[a-z0-9._~:@%+/-]*+)?(?![A-Z])"
    r"|(?:[a-z0-9](?:[a-z0-9-]{0,61})\.)+[a-z]{2,24}(?![\w-]))"
)
_NAMES = re.compile(r"(?<![\w.-])name(?:\\*[\"'])?\s*+:\s*+(?:\\*[\"'])?[a-z0-9][a-z0-9.-]*+(?![A-Z_])")


class Scrubber:
    """Scrubs files of one run, and counts what was removed."""

    def __init__(self, hosts: Iterable[str] = (), pseudonyms: Pseudonyms | None = None) -> None:
        self._hosts = {run for host in hosts for run in _RUN.findall(host)}
        self._pseudonyms = pseudonyms
        self.removed: Counter[str] = Counter()

    def lines(self, lines: Iterable[str], *, names: bool = False) -> Iterable[str]:
        """Yield the lines of a file, as many as there are; `names` are kept where they name pods and containers."""
        redactor = LineRedactor()
        for line in lines:
            clean = redactor.line(line)
            if clean != line:
                self.removed["secrets"] += max(1, clean.count(MARK) - line.count(MARK))
            clean = self._without_free_words(clean, names=names)
            yield self._pseudonyms.apply(clean) if self._pseudonyms else clean

    def _passes(self, run: str) -> bool:
        return is_known(run) or run in self._hosts

    def _without_free_words(self, line: str, *, names: bool) -> str:
        if all(map(self._passes, _RUN.findall(line))):
            return line
        parts, at = [], 0
        places = [found.span() for found in _PLACES.finditer(line)]
        places += [found.span() for found in _NAMES.finditer(line)] if names else []
        for start, end in sorted(places):
            if start >= at:
                parts += [_RUN.sub(self._run, line[at:start]), line[start:end]]
                at = end
        return "".join([*parts, _RUN.sub(self._run, line[at:])])

    def _run(self, found: re.Match[str]) -> str:
        if self._passes(found[0]):
            return found[0]
        self.removed["words"] += 1
        return MARK
