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
)
SELECT
  "dest" AS "dest",
  "ts" AS _e,
  "flight_id" AS _id,
  "arr_delay" AS _x0,
  TRY_CAST(rint("arr_delay" * '1e6'::DOUBLE) AS BIGINT) AS _n0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "dest" IS NULL THEN 'missing key'
    WHEN strlen("dest") > 83226 THEN 'too long'
    WHEN NOT abs(rint("arr_delay" * '1e6'::DOUBLE)) < 9007199254740992 THEN 'out of range' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM checked;

-- rows of a slice from 1000 to 2000
SELECT "dest",
  _e,
  _n0
FROM events WHERE _e >= -10799000 AND _e < 2000
ORDER BY "dest", _e;
