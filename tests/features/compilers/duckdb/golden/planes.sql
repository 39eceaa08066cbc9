-- events
WITH read AS (
  SELECT "tailnum" AS "tailnum",
    CAST("year" AS BIGINT) AS "year",
    CAST("seats" AS BIGINT) AS "seats",
    CAST("engines" AS BIGINT) AS "engines",
    "manufacturer" AS "manufacturer",
    FALSE AS _lost,
    _penstock_file AS _file,
    file_row_number AS _row
  FROM read_parquet(['history.parquet']) AS history
),
checked AS (
  SELECT *, CASE WHEN _lost THEN 'out of range' END AS _bad FROM read
)
SELECT
  "tailnum" AS "tailnum",
  0::BIGINT AS _e,
  "year" AS _x0,
  "seats" AS _x1,
  "engines" AS _x2,
  "manufacturer" AS _x3,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "tailnum" IS NULL THEN 'missing key'
    WHEN strlen("tailnum") > 55484 THEN 'too long'
    WHEN strlen("manufacturer") > 55484 THEN 'too long' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM checked;

-- rows of a slice from 1000 to 2000
SELECT "tailnum", _e AS t,
  _x0 AS "year",
  _x1 AS "seats",
  _x2 AS "engines",
  _x3 AS "manufacturer"
FROM events
QUALIFY row_number() OVER (PARTITION BY "tailnum", _e ORDER BY _x0 DESC NULLS LAST, _x1 DESC NULLS LAST, _x2 DESC NULLS LAST, _x3 DESC NULLS LAST) = 1
ORDER BY "tailnum", t;
