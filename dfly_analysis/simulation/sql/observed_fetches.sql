-- What the fetches (which come before) showed.
SELECT count(*) FILTER (modelled), count(*) FILTER (modelled AND outcome != 'ok'),
    median((nanoseconds(ended) - nanoseconds(started)) / 1e9) FILTER (modelled),
    (max(nanoseconds(ended)) FILTER (modelled) - min(nanoseconds(started)) FILTER (modelled)) / 1e9
FROM first_fetches
