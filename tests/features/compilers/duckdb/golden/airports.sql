-- events
WITH read AS (
  SELECT "faa" AS "faa",
    finite(CAST("lat" AS DOUBLE)) AS "lat",
    finite(CAST("lon" AS DOUBLE)) AS "lon",
    finite(CAST("alt" AS DOUBLE)) AS "alt",
    FALSE AS _lost,
    _penstock_file AS _file,
    file_row_number AS _row
  FROM read_parquet(['history.parquet']) AS history
),
checked AS (
  SELECT *, CASE WHEN _lost THEN 'out of range' END AS _bad FROM read
)
SELECT
  "faa" AS "faa",
  0::BIGINT AS _e,
  "lat" AS _x0,
  "lon" AS _x1,
  "alt" AS _x2,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "faa" IS NULL THEN 'missing key'
    WHEN strlen("faa") > 83231 THEN 'too long' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM checked;

-- rows of a slice from 1000 to 2000
SELECT "faa", _e AS t,
  _x0 AS "lat",
  _x1 AS "lon",
  _x2 AS "alt"
FROM events
QUALIFY row_number() OVER (PARTITION BY "faa", _e ORDER BY _x0 DESC NULLS LAST, _x1 DESC NULLS LAST, _x2 DESC NULLS LAST) = 1
ORDER BY "faa", t;
