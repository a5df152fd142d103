-- Where there is no relation of that name: rotated files by their numbers, else by name.
CREATE OR REPLACE TEMP TABLE files AS
WITH spans AS (
        SELECT log_path, min(time) AS first, max(time) AS last, coalesce(try_cast(
            regexp_extract(log_path, '\.([0-9]{1,3})(\.(gz|xz|bz2|zst))?$$', 1) AS INTEGER), 0) AS age
        FROM events GROUP BY log_path
    ),
    reversed AS (
        SELECT log_path FROM events JOIN spans USING (log_path) WHERE first < last
        GROUP BY log_path HAVING min(log_line) FILTER (time = first) > max(log_line) FILTER (time = last)
    )
SELECT log_path, row_number() OVER (ORDER BY age DESC, log_path) AS file_order, reversed.log_path IS NOT NULL AS newest_first
FROM spans LEFT JOIN reversed USING (log_path);
