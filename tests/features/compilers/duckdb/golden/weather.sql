-- events
WITH read AS (
  SELECT "origin" AS "origin",
    finite(CAST("temp" AS DOUBLE)) AS "temp",
    finite(CAST("humid" AS DOUBLE)) AS "humid",
    finite(CAST("wind_speed" AS DOUBLE)) AS "wind_speed",
    finite(CAST("precip" AS DOUBLE)) AS "precip",
    finite(CAST("pressure" AS DOUBLE)) AS "pressure",
    finite(CAST("visib" AS DOUBLE)) AS "visib",
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
  "origin" AS "origin",
  "ts" AS _e,
  "temp" AS _x0,
  "humid" AS _x1,
  "wind_speed" AS _x2,
  "precip" AS _x3,
  "pressure" AS _x4,
  "visib" AS _x5,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "origin" IS NULL THEN 'missing key'
    WHEN strlen("origin") > 83219 THEN 'too long' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM checked;

-- rows of a slice from 1000 to 2000
SELECT "origin", _e AS t,
  _x0 AS "temp",
  _x1 AS "humid",
  _x2 AS "wind_speed",
  _x3 AS "precip",
  _x4 AS "pressure",
  _x5 AS "visib"
FROM events
WHERE _e >= 1000 AND _e < 2000
QUALIFY row_number() OVER (PARTITION BY "origin", _e ORDER BY _x0 DESC NULLS LAST, _x1 DESC NULLS LAST, _x2 DESC NULLS LAST, _x3 DESC NULLS LAST, _x4 DESC NULLS LAST, _x5 DESC NULLS LAST) = 1
ORDER BY "origin", t;
