-- How pulls of preheated blobs used what was preheated.
SELECT count(*), count(*) FILTER (is_other), count(*) FILTER (is_evicted), count(*) FILTER (is_other AND $FAILED),
    coalesce(sum(bytes_from_source) FILTER (is_other OR is_evicted), 0)::BIGINT,
    min(epoch_ns(started)) FILTER (is_other OR is_evicted), max(epoch_ns(started)) FILTER (is_other OR is_evicted)
FROM preheated_pulls
