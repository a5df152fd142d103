"""How clients write the addresses of the schedulers they are told of, use, and cannot reach."""

from collections.abc import Mapping
from functools import cache, partial

from dfly_analysis.catalog.yaml_loader import load_document, record


@record
class SchedulerAddressPatterns:
    """Patterns of messages: a list of addresses, one that is used, one that fails, one where nothing listens, and a mesh in between."""

    listed: str
    used: str
    failed: str
    dead: str
    mesh: str
    address: str  # an address with its port if there is one, as the first group
    samples: Mapping[str, tuple[str, ...]]


scheduler_address_patterns = cache(partial(load_document, SchedulerAddressPatterns, "rules/scheduler_addresses"))
"""The patterns."""
