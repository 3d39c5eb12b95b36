-- How DuckDB makes postings of all nodes at once: the same terms and weights that registry.search.weights makes of one
-- node. `nodes` has the nodes by slot, `field_weights` the constants of BM25F, `folded` the texts with other letters than
-- ASCII's as registry.search.words folds them.

-- tables --
CREATE TABLE field_weights (field VARCHAR, weight DOUBLE, typical DOUBLE, b DOUBLE);
CREATE TABLE nodes AS
SELECT
    slot, node_id, node_name, node_type, version, health_status,
    capabilities::JSON AS capabilities, endpoints::JSON AS endpoints, metadata::JSON AS metadata,
    registered_at, last_heartbeat
FROM given;

-- node_capabilities --
CREATE OR REPLACE TABLE node_capabilities AS
SELECT slot, unnest(from_json(capabilities, '[{"name":"VARCHAR","description":"VARCHAR"}]'), recursive := true)
FROM nodes;

-- texts --
-- The texts by which a node is found, each with its field; of metadata the keys of objects, and what is text or number.
CREATE OR REPLACE TABLE texts AS
SELECT slot, 'name' AS field, node_name AS text FROM nodes
UNION ALL SELECT slot, 'capability', name FROM node_capabilities
UNION ALL SELECT slot, 'description', description FROM node_capabilities WHERE description <> ''
UNION ALL SELECT slot, 'metadata', node_type FROM nodes
UNION ALL SELECT slot, 'metadata', node_id FROM nodes
UNION ALL
SELECT slot, 'metadata', unnest([
    CASE WHEN entry.parent IS NOT NULL AND entry.fullkey NOT LIKE '%]' THEN entry.key END,
    -- Postgres keeps the zeros of 1.50.
    CASE
        WHEN entry.type = 'DOUBLE' THEN (entry.atom ->> '$')::DOUBLE::VARCHAR
        WHEN entry.type IN ('VARCHAR', 'UBIGINT', 'BIGINT', 'HUGEINT', 'UHUGEINT') THEN entry.atom ->> '$'
    END
])
FROM nodes, json_tree(nodes.metadata) AS entry;

-- other_letters --
SELECT DISTINCT text FROM texts WHERE NOT regexp_full_match(text, '[\x00-\x7F]*');

-- identifiers --
-- What stands together in each different text, written small and divided at changes of case.
CREATE OR REPLACE TABLE identifiers AS
WITH different AS (SELECT DISTINCT text FROM texts WHERE text IS NOT NULL),
turned AS (
    SELECT
        text,
        regexp_replace(
            regexp_replace(text, '([a-z0-9])([A-Z])', '\1_\2', 'g'), '([A-Z0-9])([A-Z][a-z])', '\1_\2', 'g'
        ) AS turned
    FROM different
)
SELECT
    text,
    unnest(regexp_extract_all(
        lower(coalesce(f.folded, turned)),
        '\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|[\p{L}\p{N}]+(?:[-_.]+[\p{L}\p{N}]+)*'
    )) AS identifier
FROM turned LEFT JOIN folded AS f USING (text);

-- identifier_terms --
CREATE OR REPLACE TABLE identifier_terms AS
WITH different AS (SELECT DISTINCT identifier FROM identifiers),
split AS (
    SELECT
        identifier,
        CASE
            WHEN regexp_full_match(identifier, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
            THEN [replace(identifier, '-', '')]
            ELSE list_transform(regexp_split_to_array(identifier, '[-_.]+'), lambda word: word[:64])
        END AS words
    FROM different
),
named AS (
    SELECT *, list_filter(words, lambda word: NOT regexp_full_match(word, '[0-9]+')) AS names FROM split
),
joined AS (
    SELECT
        identifier,
        len(words) AS length,
        CASE WHEN len(names) BETWEEN 2 AND 6 THEN
            list_concat(
                list_transform(range(1, len(names)), lambda place: '+' || (names[place] || names[place + 1])[:64]),
                CASE WHEN len(names) > 2 THEN ['+' || array_to_string(names, '')[:64]] ELSE [] END
            )
        ELSE [] END AS joins,
        words
    FROM named
)
SELECT identifier, length, list_concat(words, joins) AS terms FROM joined;

-- text_terms --
CREATE OR REPLACE TABLE text_terms AS
SELECT text, sum(length)::INTEGER AS length, flatten(list(terms)) AS terms
FROM identifiers JOIN identifier_terms USING (identifier)
GROUP BY text;

-- term_numbers --
CREATE OR REPLACE TABLE term_numbers AS
SELECT (row_number() OVER (ORDER BY term) - 1)::INTEGER AS number, term
FROM (
    SELECT DISTINCT unnest(terms) AS term FROM text_terms
    UNION SELECT DISTINCT '=' || name FROM node_capabilities
);

-- postings --
CREATE OR REPLACE TABLE postings AS
WITH numbered AS (
    SELECT t.text, list(n.number) AS numbers, any_value(t.length) AS length
    FROM (SELECT text, length, unnest(terms) AS term FROM text_terms) AS t
    JOIN term_numbers AS n USING (term)
    GROUP BY t.text
),
standing AS (
    SELECT slot, field, length, numbers FROM texts JOIN numbered USING (text)
),
lengths AS (
    SELECT slot, field, (f.weight / (1 - f.b + f.b * sum(length) / f.typical))::FLOAT AS share
    FROM standing JOIN field_weights AS f USING (field)
    GROUP BY slot, field, f.weight, f.b, f.typical
),
shares AS (
    SELECT number, slot, sum(share) AS share
    FROM (
        SELECT slot, unnest(numbers) AS number, share
        FROM standing JOIN lengths USING (slot, field)
    )
    GROUP BY number, slot
)
SELECT number, slot, (share / (1.2 + share))::FLOAT AS weight FROM shares
UNION ALL
SELECT DISTINCT n.number, c.slot, 1.0::FLOAT FROM node_capabilities AS c JOIN term_numbers AS n ON n.term = '=' || c.name
ORDER BY ALL;

-- clean_up --
DROP TABLE texts; DROP TABLE identifiers; DROP TABLE identifier_terms; DROP TABLE text_terms; DROP TABLE folded;
CREATE VIEW node_terms AS SELECT node_id, term, weight FROM postings JOIN term_numbers USING (number) JOIN nodes USING (slot);

-- apply --
DELETE FROM nodes WHERE slot IN (SELECT slot FROM gone);
DELETE FROM node_capabilities WHERE slot IN (SELECT slot FROM gone);
DELETE FROM postings WHERE slot IN (SELECT slot FROM gone);
INSERT INTO nodes BY NAME SELECT * FROM given;
INSERT INTO node_capabilities
SELECT slot, unnest(from_json(capabilities, '[{"name":"VARCHAR","description":"VARCHAR"}]'), recursive := true) FROM given;
INSERT INTO term_numbers
SELECT (SELECT coalesce(max(number), -1) FROM term_numbers) + row_number() OVER (), term
FROM (SELECT DISTINCT term FROM given_terms WHERE term NOT IN (SELECT term FROM term_numbers));
INSERT INTO postings SELECT number, slot, weight FROM given_terms JOIN term_numbers USING (term);
