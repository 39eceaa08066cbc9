-- events
WITH read AS (
  SELECT "flight_id" AS "flight_id",
    "carrier" AS "carrier",
    "origin" AS "origin",
    "dest" AS "dest",
    "tailnum" AS "tailnum",
    finite(CAST("distance" AS DOUBLE)) AS "distance",
    finite(CAST("sched_minutes" AS DOUBLE)) AS "sched_minutes",
    CAST("sched_hour" AS BIGINT) AS "sched_hour",
    finite(CAST("dep_delay" AS DOUBLE)) AS "dep_delay",
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
  "distance" AS _x0,
  TRY_CAST(rint("distance" * '1e6'::DOUBLE) AS BIGINT) AS _n0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN NOT coalesce(_v1, FALSE) THEN NULL
    WHEN "tailnum" IS NULL THEN 'missing key'
    WHEN strlen("tailnum") > 83233 THEN 'too long'
    WHEN NOT abs(rint("distance" * '1e6'::DOUBLE)) < 9007199254740992 THEN 'out of range' END AS _error,
  NOT coalesce(_v1, FALSE) AS _out,
  _file AS _file,
  _row AS _row
FROM evaluated1;

-- rows of a slice from 1000 to 2000
SELECT "tailnum",
  _e,
  _n0
FROM events WHERE _e >= -86399000 AND _e < 2000
ORDER BY "tailnum", _e;
