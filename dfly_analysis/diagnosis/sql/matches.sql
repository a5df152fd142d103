-- The records that match a signature.
CREATE OR REPLACE TEMP TABLE matches AS
SELECT suspects.*, s.signature, other.signature IS NOT NULL AS is_echo_of FROM ($SUSPECTS) AS suspects
JOIN signatures_of_messages s USING (message) LEFT JOIN echoes USING (signature)
LEFT JOIN signatures_of_messages other ON other.message = suspects.message AND other.signature = echoes.echo_of
