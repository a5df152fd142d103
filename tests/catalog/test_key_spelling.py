"""Names of keys: what a component reads, and what a misspelt one may have meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.key_spelling import is_known_key, nearest_keys, suggest_keys

CHART_KEYS = {
    "seedClient": """backend.cacheTemporaryRedirectTTL backend.maxRetries backend.putChunkSize backend.putConcurrentChunkCount backend.putTimeout
    backend.requestHeader console download.bandwidthLimit download.collectedPieceTimeout download.protocol download.server.socketPath dynconfig.refreshInterval
    gc.interval gc.policy.distHighThresholdPercent gc.policy.persistentTaskTTL gc.policy.taskTTL health.server.port host.idc host.location
    host.schedulerClusterID log.level manager.addr metrics.server.port network.enableIPv6 proxy.disableBackToSource proxy.prefetchBandwidthLimit proxy.readBufferSize
    proxy.registryMirror.addr proxy.rules proxy.server.port scheduler.announceInterval scheduler.maxScheduleCount server.pluginDir stats.server.port storage.dir
    storage.server.quicPort storage.server.tcpPort storage.writeBufferSize tracing.protocol upload.disableShared upload.server.port upload.server.requestRateLimit
    seedPeer.clusterID seedPeer.enable seedPeer.type""",
    "scheduler": """console dynconfig.refreshInterval host.idc host.location manager.keepAlive.interval manager.schedulerClusterID network.enableIPv6 pprofPort
    scheduler.algorithm scheduler.backToSourceCount scheduler.gc.hostTTL scheduler.gc.peerGCInterval scheduler.retryBackToSourceLimit scheduler.retryLimit
    server.advertiseIP server.advertisePort server.cacheDir server.dataDir server.listenIP server.logDir server.logLevel server.pluginDir server.port
    server.requestRateLimit server.workHome tracing.protocol""",
    "manager": """auth.jwt.key auth.jwt.maxRefresh auth.jwt.realm auth.jwt.timeout cache.local.size cache.local.ttl cache.redis.ttl console
    job.preheat.tls.insecureSkipVerify job.syncPeers.interval job.syncPeers.timeout network.enableIPv6 pprofPort server.cacheDir server.grpc.advertiseIP
    server.grpc.requestRateLimit server.logDir server.logLevel server.pluginDir server.rest.tls.cert server.workHome tracing.protocol""",
}


@pytest.mark.parametrize(("role", "key"), [(role, key) for role, keys in CHART_KEYS.items() for key in keys.split()])
def test_keys_that_charts_write_are_known_by_name(role, key):
    """No key of a recent chart's values that its component reads is called misspelt or unknown."""
    assert is_known_key(role, key)
    assert not is_known_key(role, f"x{key}")


@pytest.mark.parametrize(
    ("role", "key", "meant"),
    [
        ("seedClient", "download.pieceTimout", "download.pieceTimeout"), ("client", "download.PieceTimeout", "download.pieceTimeout"),
        ("seedClient", "dowload.pieceTimeout", "download.pieceTimeout"), ("scheduler", "scheduler.gc.peerTtl", "scheduler.gc.peerTTL"),
        ("scheduler", "scheduler.retryIntervall", "scheduler.retryInterval"), ("manager", "job.syncPeer.timeout", "job.syncPeers.timeout"),
        ("client", "something.else", None), ("client", "download", None), ("client", "", None),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_answered_with_the_one_meant(role, key, meant):
    """One or two wrong letters in a name or a section are recognised, anything further is not guessed."""
    assert suggest_keys(role, key)[:1] == ((meant,) if meant else ())


@given(st.sampled_from(["client", "seedClient", "scheduler", "manager"]), st.text(max_size=30))
def test_any_name_has_an_answer(role, key):
    """Whatever a key is called, it is known or not, and what it may have meant are keys of that role."""
    assert is_known_key(role, key) in (True, False)
    assert all(is_known_key(role, name) for name in (*suggest_keys(role, key), *nearest_keys(role, key)))
