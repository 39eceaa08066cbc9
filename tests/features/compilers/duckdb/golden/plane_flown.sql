-- events
WITH read AS (
  SELECT "flight_id" AS "flight_id",
    "carrier" AS "carrier",
    "origin" AS "origin",
    "dest" AS "dest",
    "tailnum" AS "tailnum",
    finite(CAST("dep_delay" AS DOUBLE)) AS "dep_delay",
    finite(CAST("arr_delay" AS DOUBLE)) AS "arr_delay",
    floor_by(epoch_us("ts"), 1000) AS "ts",
    ("ts" IS NOT NULL AND coalesce(floor_by(epoch_us("ts"), 1000) NOT BETWEEN -62135596800000 AND 253402300799999, TRUE)) AS _lost,
    _penstock_file AS _file,
    file_row_number AS _row
  FROM read_parquet(['history.parquet']) AS history
),
checked AS (
  SELECT *, CASE WHEN _lost THEN 'out of range' WHEN "ts" IS NULL THEN 'missing time' END AS _bad FROM read
  WHERE _lost OR "ts" IS NULL OR ("ts" >= 0 AND "ts" < 2000)
),
evaluated AS (
  SELECT *,
    "tailnum" IS NULL AS _v0
  FROM checked
),
evaluated1 AS (
  SELECT *,
    NOT _v0 AS _v1
  FROM evaluated
)
SELECT
  "tailnum" AS "tailnum",
  "ts" AS _e,
  "flight_id" AS _id,
  "arr_delay" AS _x0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN NOT coalesce(_v1, FALSE) THEN NULL
    WHEN "tailnum" IS NULL THEN 'missing key'
    WHEN strlen("tailnum") > 83236 THEN 'too long' END AS _error,
  NOT coalesce(_v1, FALSE) AS _out,
  _file AS _file,
  _row AS _row
FROM evaluated1;

-- rows of a slice from 1000 to 2000
SELECT "tailnum",
  _e,
  _x0
FROM events WHERE _e >= 1000 AND _e < 2000
UNION ALL BY NAME
SELECT "tailnum",
  CAST(-62135596800001 AS BIGINT) AS _e,
  arg_max(_x0, {'e': _e, 'x': _x0}) AS _held_last0
FROM events WHERE _e < 1000
GROUP BY "tailnum"
ORDER BY "tailnum", _e;
