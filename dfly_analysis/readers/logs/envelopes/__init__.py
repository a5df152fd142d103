"""Takes off what containers, shells and log stores put around the lines of a program: CRI, Docker, kubectl, grep, Loki and others."""

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.readers.logs.envelopes.detect import find_wrapper, sniff_wrapper, sniff_wrappers
from dfly_analysis.readers.logs.envelopes.envelope import unwrap

__all__ = ["EnvelopeKind", "find_wrapper", "sniff_wrapper", "sniff_wrappers", "unwrap"]
