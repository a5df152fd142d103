-- A failed piece without an ending of its own takes the one that the text of its round names.
UPDATE _failed_attempts SET outcome = class.outcome
FROM _failure_texts AS failure JOIN _text_classes AS class USING (text)
WHERE failure.peer = _failed_attempts.peer AND failure.rank = 0 AND _failed_attempts.outcome = 'unknown' AND NOT is_open AND class.outcome <> 'timeout';
