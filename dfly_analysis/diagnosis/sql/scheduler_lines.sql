-- Lines of clients that name addresses of schedulers, and those addresses.
CREATE OR REPLACE TEMP TABLE scheduler_lines AS
SELECT *, epoch_ns(time) AS ns, $LISTED AS is_listed, $USED AS is_used, $FAILED AS is_failed, $FAILED AND $DEAD AS is_dead, $MESH AS is_mesh,
    -- what follows a list is the request, with the client's own address
    regexp_extract_all(CASE WHEN is_listed THEN regexp_extract(message, '[\[{][^\]}]*') ELSE left(message, 400) END, $ADDRESS, 1) AS addresses
FROM events WHERE component = 'client' AND $TOLD;
CREATE OR REPLACE TEMP TABLE scheduler_addresses AS
SELECT * EXCLUDE (address), split_part(address, ':', 1) AS address, address AS full_address
FROM (
    SELECT host, ns, is_listed, is_used, is_failed, is_dead, log_path, log_line,
        unnest(CASE WHEN is_listed THEN addresses ELSE addresses[1:1] END) AS address
    FROM scheduler_lines
)
