"""Takes off what containers, shells and log stores put around the lines of a program: CRI, Docker, kubectl, grep, Loki and others."""

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.readers.logs.envelopes.envelope import Sniffed, find_envelope, sniff, sniff_envelope, unwrap

__all__ = ["EnvelopeKind", "Sniffed", "find_envelope", "sniff", "sniff_envelope", "unwrap"]
