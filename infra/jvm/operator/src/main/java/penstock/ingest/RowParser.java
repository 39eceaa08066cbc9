package penstock.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.LongSupplier;
import penstock.plan.Column;
import penstock.plan.Op;
import penstock.plan.Source;
import penstock.plan.Type;

/** Raw bytes of one source to a typed row, or the reason why not. Not for use by several threads. */
public final class RowParser {
    /** Timestamps are those of the years 1 to 9999. */
    public static final long TIME_MIN = -62_135_596_800_000L;

    public static final long TIME_MAX = 253_402_300_799_999L;
    /** A record without a Kafka timestamp: only the wall clock tells what is too far ahead. */
    public static final long NO_TIMESTAMP = -1;

    private final Source source;
    private final Column[] columns;
    private final byte[][] names;
    private final boolean[] used;
    private final int time;
    private final int id;
    private final int op;
    private final LongSupplier clock;
    /** The wall clock when it was last looked at. */
    private long now = TIME_MIN;

    private final JsonScanner json = new JsonScanner();
    // per column: why its last value was bad; valid while anyBad
    private final Bad[] bads;
    private boolean anyBad;

    /**
     * @param used the names of the columns whose texts are kept; others are only checked
     * @param clock the wall clock, in milliseconds
     */
    public RowParser(Source source, Set<String> used, LongSupplier clock) {
        this.source = source;
        this.clock = clock;
        List<Column> declared = source.columns();
        columns = declared.toArray(Column[]::new);
        names = new byte[columns.length][];
        this.used = new boolean[columns.length];
        for (int i = 0; i < columns.length; i++) {
            names[i] = columns[i].name().getBytes(StandardCharsets.UTF_8);
            this.used[i] = used.contains(columns[i].name());
        }
        time = source.index(source.time());
        id = source.index(source.id());
        op = source.index(source.op());
        bads = new Bad[columns.length];
    }

    /** @param timestamp the record's own, in milliseconds, or {@link #NO_TIMESTAMP} */
    public Row parse(byte[] raw, int partition, long offset, long timestamp) {
        Row row = new Row(raw == null ? new byte[0] : raw, partition, offset);
        try {
            read(row);
            checkTypes();
            checkTime(row, timestamp);
            checkNulls(row);
            checkOp(row);
        } catch (BadRecord e) {
            row.bad = e.bad();
        }
        return row;
    }

    private void read(Row row) throws BadRecord {
        row.room(columns.length);
        anyBad = false;
        json.open(row.raw);
        if (json.peek() != '{') {
            json.skipValue();
            json.finish();
            throw json.bad("a JSON object is wanted");
        }
        json.take('{');
        json.enter();
        if (!json.tryTake('}')) {
            fields(row);
        }
        json.finish();
    }

    private void fields(Row row) throws BadRecord {
        int likely = 0;
        do {
            if (json.peek() != '"') {
                throw json.bad("a name is wanted");
            }
            int column = json.name(names, likely);
            json.take(':');
            if (column < 0) {
                json.skipValue();
            } else {
                value(row, column);
                likely = column + 1;
            }
        } while (json.tryTake(','));
        json.take('}');
    }

    // of a field that stands twice the last one counts, so each value first forgets what was before
    private void value(Row row, int column) throws BadRecord {
        if (anyBad) {
            bads[column] = null;
        }
        row.nulls[column] = false;
        switch (json.peek()) {
            case '"' -> text(row, column);
            case 't' -> bool(row, column, "true", 1);
            case 'f' -> bool(row, column, "false", 0);
            case 'n' -> {
                json.word("null");
                row.nulls[column] = true;
            }
            case '{', '[' -> {
                json.skipValue();
                wrong(column);
            }
            default -> number(row, column);
        }
    }

    private void text(Row row, int column) throws BadRecord {
        if (columns[column].type() != Type.STRING) {
            json.skipString();
            wrong(column);
            return;
        }
        String text = json.string();
        if (hasLoneSurrogate(text)) {
            flaw(column, Bad.NOT_JSON, "holds half a surrogate pair");
        } else if (used[column]) {
            row.texts[column] = text;
        }
    }

    private static boolean hasLoneSurrogate(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c) || i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return true;
                }
                i++;
            }
        }
        return false;
    }

    private void bool(Row row, int column, String word, long bits) throws BadRecord {
        json.word(word);
        if (columns[column].type() == Type.BOOL) {
            row.bits[column] = bits;
        } else {
            wrong(column);
        }
    }

    private void number(Row row, int column) throws BadRecord {
        json.number();
        switch (columns[column].type()) {
            case FLOAT64 -> real(row, column);
            case INT64 -> {
                if (json.isInteger()) {
                    integer(row, column);
                } else {
                    wrong(column);
                }
            }
            case TIMESTAMP -> timestamp(row, column);
            default -> wrong(column);
        }
    }

    private void integer(Row row, int column) {
        if (json.fits()) {
            row.bits[column] = json.asLong();
        } else {
            flaw(column, Bad.OUT_OF_RANGE, "does not fit int64");
        }
    }

    private void timestamp(Row row, int column) {
        if (json.isInteger()) {
            integer(row, column);
        } else {
            row.bits[column] = json.floor();
        }
        long ms = row.bits[column];
        if (json.isInteger() && !json.fits() || ms < TIME_MIN || ms > TIME_MAX) {
            flaw(column, Bad.OUT_OF_RANGE, "is outside the years 1 to 9999");
        }
    }

    private void real(Row row, int column) {
        double number = json.asDouble();
        if (Double.isInfinite(number)) {
            flaw(column, Bad.NOT_JSON, "is beyond float64");
        } else {
            row.bits[column] = Double.doubleToRawLongBits(number + 0.0);
        }
    }

    private void wrong(int column) {
        flaw(column, Bad.WRONG_TYPE, "is not " + columns[column].type().name().toLowerCase(Locale.ROOT));
    }

    private void flaw(int column, String code, String what) {
        if (!anyBad) {
            Arrays.fill(bads, null);
            anyBad = true;
        }
        bads[column] = new Bad(code, columns[column].name() + " " + what);
    }

    private void checkTypes() throws BadRecord {
        if (!anyBad) {
            return;
        }
        for (Bad bad : bads) {
            if (bad != null) {
                throw new BadRecord(bad.code(), bad.detail());
            }
        }
    }

    private void checkTime(Row row, long timestamp) throws BadRecord {
        if (time < 0) {
            return;
        }
        if (row.nulls[time]) {
            throw new BadRecord(Bad.MISSING_TIME, source.time() + " is null");
        }
        row.time = row.bits[time];
        if (timestamp >= 0 && row.time > timestamp + source.maxAhead()) {
            throw ahead(row, "its record");
        }
        // most times are not ahead of the clock as it was
        if (row.time > now + source.maxAhead()) {
            now = clock.getAsLong();
            if (row.time > now + source.maxAhead()) {
                throw ahead(row, "the wall clock");
            }
        }
    }

    private BadRecord ahead(Row row, String of) {
        String by = " is later than " + of + " by over " + source.maxAhead() + " ms";
        return new BadRecord(Bad.TOO_FAR_AHEAD, source.time() + " " + row.time + by);
    }

    private void checkOp(Row row) throws BadRecord {
        if (op < 0 || row.nulls[op]) {
            return;
        }
        Op found = Op.of(row.texts[op]);
        if (found == null) {
            throw new BadRecord(Bad.WRONG_TYPE, source.op() + " is none of insert, update and delete");
        }
        if (found != Op.INSERT && row.nulls[id]) {
            throw new BadRecord(Bad.MISSING_VALUE, source.id() + " is null, and an update or delete names its event by it");
        }
    }

    private void checkNulls(Row row) throws BadRecord {
        for (int i = 0; i < columns.length; i++) {
            if (row.nulls[i] && !columns[i].nullable()) {
                throw new BadRecord(Bad.MISSING_VALUE, columns[i].name() + " is null");
            }
        }
    }
}
