package penstock.ingest;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.Header;
import penstock.number.FloatText;
import penstock.plan.Cast;
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

    /** A decimal with so many units of its last place is kept exactly by a float64, its sums too. */
    private static final long DECIMAL_LIMIT = 1L << 51;

    private static final byte[] NOTHING = {};

    private final Source source;
    private final Layout layout;
    private final Column[] columns;
    // the fields of the document and of the key; each column has a slot of its number, further paths have more
    private final Node fields = new Node("");
    private final Node keyFields = new Node("");
    private final int[] columnOf;
    private final int[][] slotsOf;
    private final boolean[] used;
    private final Cast[] casts;
    private final boolean parts;
    private final boolean choices;
    private final int time;
    private final int id;
    private final int op;
    private final LongSupplier clock;
    /** The wall clock when it was last looked at. */
    private long now = TIME_MIN;

    private final JsonScanner json = new JsonScanner();
    private final JsonScanner keyJson = new JsonScanner();
    // texts that are to be read as numbers and are not as they stand in the record
    private final JsonScanner texts = new JsonScanner();
    private final IsoTime iso = new IsoTime();
    private final FloatText vector = new FloatText();
    // per slot: why its last value was bad, valid while anyBad; and was the object or array met in which it stands?
    private final Bad[] bads;
    private final boolean[] reached;
    private boolean anyBad;
    private long records;

    public RowParser(Source source, Set<String> used, LongSupplier clock) {
        this(source, "", used, clock);
    }

    /**
     * @param layout where the columns stand in a record, as JSON; empty: all under their own names
     * @param used the names of the columns whose texts are kept; others are only checked
     * @param clock the wall clock, in milliseconds
     */
    public RowParser(Source source, String layout, Set<String> used, LongSupplier clock) {
        this.source = source;
        this.clock = clock;
        this.layout = new Layout(source, layout);
        columns = source.columns().toArray(Column[]::new);
        this.used = new boolean[columns.length];
        casts = new Cast[columns.length];
        slotsOf = new int[columns.length][];
        columnOf = slots();
        for (int i = 0; i < columns.length; i++) {
            this.used[i] = used.contains(columns[i].name());
            boolean text = this.layout.headers.get(i) != null || this.layout.keys.get(i);
            casts[i] = text ? columns[i].cast().ofText() : columns[i].cast();
        }
        choices = columnOf.length > columns.length;
        parts = IntStream.range(0, columns.length).anyMatch(i -> this.layout.fields.get(i).isEmpty());
        time = source.index(source.time());
        id = source.index(source.id());
        op = source.index(source.op());
        bads = new Bad[columnOf.length];
        reached = new boolean[columnOf.length];
    }

    /** Adds the paths of all columns; of each slot its column. */
    private int[] slots() {
        int[] owners = IntStream.range(0, columns.length).toArray();
        for (int i = 0; i < columns.length; i++) {
            List<List<Object>> paths = layout.fields.get(i);
            slotsOf[i] = new int[paths.size()];
            for (int j = 0; j < paths.size(); j++) {
                int slot = i;
                if (j > 0) {
                    slot = owners.length;
                    owners = Arrays.copyOf(owners, slot + 1);
                    owners[slot] = i;
                }
                slotsOf[i][j] = slot;
                fields.add(paths.get(j), slot);
            }
            if (layout.keyFields.get(i) != null) {
                keyFields.add(layout.keyFields.get(i), i);
            }
        }
        return owners;
    }

    /** @param timestamp the record's own, in milliseconds, or {@link #NO_TIMESTAMP} */
    public Row parse(byte[] raw, int partition, long offset, long timestamp) {
        return parse(raw, partition, offset, timestamp, null);
    }

    public Row parse(ConsumerRecord<byte[], byte[]> record) {
        return parse(record.value(), record.partition(), record.offset(), record.timestamp(), record);
    }

    private Row parse(byte[] raw, int partition, long offset, long timestamp, ConsumerRecord<byte[], byte[]> record) {
        Row row = new Row(raw == null ? NOTHING : raw, partition, offset);
        if (raw == null && source.tombstones()) {
            row.bad = Bad.TOMBSTONE;
            return row;
        }
        try {
            read(row);
            if (parts) {
                readParts(row, timestamp, record);
            }
            if (choices) {
                choose(row);
            }
            checkTypes();
            checkTime(row, timestamp);
            checkNulls(row);
            checkOp(row);
        } catch (BadRecord e) {
            row.bad = FieldNames.added(e.bad(), row.raw);
        }
        return row;
    }

    private void read(Row row) throws BadRecord {
        row.room(columnOf.length);
        anyBad = false;
        records++;
        if (choices) {
            Arrays.fill(reached, false);
        }
        document(row, json, row.raw, fields);
    }

    private void document(Row row, JsonScanner in, byte[] raw, Node root) throws BadRecord {
        in.open(raw);
        if (in.peek() != '{') {
            in.skipValue();
            in.finish();
            throw in.bad("a JSON object is wanted");
        }
        object(row, in, root);
        in.finish();
    }

    private void object(Row row, JsonScanner in, Node node) throws BadRecord {
        in.take('{');
        in.enter();
        if (choices) {
            reach(node);
        }
        if (!in.tryTake('}')) {
            int likely = 0;
            do {
                if (in.peek() != '"') {
                    throw in.bad("a name is wanted");
                }
                int field = in.name(node.names, likely);
                in.take(':');
                if (field < 0) {
                    in.skipValue();
                } else {
                    value(row, in, node.children[field]);
                    likely = field + 1;
                }
            } while (in.tryTake(','));
            in.take('}');
        }
        in.leave();
    }

    private void array(Row row, JsonScanner in, Node node) throws BadRecord {
        in.take('[');
        in.enter();
        if (choices) {
            reach(node);
        }
        if (!in.tryTake(']')) {
            int place = 0;
            do {
                if (place < node.elements.length && node.elements[place] != null) {
                    value(row, in, node.elements[place]);
                } else {
                    in.skipValue();
                }
                place++;
            } while (in.tryTake(','));
            in.take(']');
        }
        in.leave();
    }

    private void reach(Node node) {
        for (int slot : node.within) {
            reached[slot] = true;
        }
    }

    // of a field that stands twice the last one counts, so each value first forgets what was before
    private void value(Row row, JsonScanner in, Node node) throws BadRecord {
        if (node.below.length > 0 && node.met == records) {
            forget(row, node);
        }
        node.met = records;
        if (anyBad) {
            for (int slot : node.slots) {
                bads[slot] = null;
            }
        }
        switch (in.peek()) {
            case '"' -> text(row, in, node);
            case 't' -> bool(row, in, node, "true", 1);
            case 'f' -> bool(row, in, node, "false", 0);
            case 'n' -> {
                in.word("null");
                for (int slot : node.slots) {
                    row.nulls[slot] = true;
                }
            }
            case '{' -> {
                if (node.names.length > 0) {
                    object(row, in, node);
                } else {
                    in.skipValue();
                    misfit(row, node, "an object");
                }
            }
            case '[' -> {
                if (node.elements.length > 0) {
                    array(row, in, node);
                } else {
                    elements(row, in, node);
                }
            }
            default -> number(row, in, node);
        }
    }

    /** An array of which no path names an element: a vector, or a misfit. */
    private void elements(Row row, JsonScanner in, Node node) throws BadRecord {
        in.take('[');
        in.enter();
        vector.clear();
        int count = 0;
        boolean numbers = true;
        boolean finite = true;
        if (!in.tryTake(']')) {
            do {
                if (in.isNumber()) {
                    in.number();
                    float element = (float) in.asDouble();
                    finite &= !Float.isInfinite(element);
                    vector.add(element);
                } else {
                    in.skipValue();
                    numbers = false;
                }
                count++;
            } while (in.tryTake(','));
            in.take(']');
        }
        in.leave();
        for (int slot : node.slots) {
            row.nulls[slot] = false;
            if (columns[columnOf[slot]].type() == Type.VECTOR) {
                vector(row, slot, count, numbers, finite);
            } else {
                wrong(slot, "an array");
            }
        }
        misfitBelow(node, "an array");
    }

    private void vector(Row row, int slot, int count, boolean numbers, boolean finite) {
        Column column = columns[columnOf[slot]];
        if (count != column.dimensions()) {
            flaw(slot, Bad.WRONG_TYPE, "is an array of " + count + " elements, not " + column.dimensions());
        } else if (!numbers) {
            flaw(slot, Bad.WRONG_TYPE, "is an array with an element that is no number");
        } else if (!finite) {
            flaw(slot, Bad.OUT_OF_RANGE, "is an array with an element beyond float32");
        } else if (used[columnOf[slot]]) {
            row.texts[slot] = vector.toString();
        }
    }

    /** As if nothing had been met below a place. */
    private void forget(Row row, Node node) {
        for (int slot : node.below) {
            row.nulls[slot] = true;
            bads[slot] = null;
            reached[slot] = false;
        }
        node.forget();
    }

    private void text(Row row, JsonScanner in, Node node) throws BadRecord {
        int start = in.place();
        boolean escaped = in.text();
        for (int slot : node.slots) {
            text(row, in, slot, escaped, start);
        }
        below(row, in, node, start);
    }

    private void text(Row row, JsonScanner in, int slot, boolean escaped, int start) {
        Column column = columns[columnOf[slot]];
        row.nulls[slot] = false;
        if (column.type() == Type.STRING) {
            string(row, slot, in.textString(escaped));
            return;
        }
        JsonScanner plain = in;
        if (escaped) {
            texts.openText(in.textString(true).getBytes(StandardCharsets.UTF_8));
            plain = texts;
        }
        if (column.cast().iso()) {
            isoTime(row, slot, plain);
        } else if (!readFromText(row, slot, plain)) {
            wrong(slot, in.shown(start));
        }
    }

    private boolean readFromText(Row row, int slot, JsonScanner in) {
        Cast cast = casts[columnOf[slot]];
        if (!cast.text()) {
            return false;
        }
        if (columns[columnOf[slot]].type() == Type.BOOL && truth(row, slot, in.textString(false))) {
            return true;
        }
        return in.numeral() && number(row, in, slot);
    }

    private static final Map<String, Long> TRUTHS =
            Map.of("true", 1L, "True", 1L, "TRUE", 1L, "false", 0L, "False", 0L, "FALSE", 0L);

    private static boolean truth(Row row, int slot, String text) {
        Long truth = TRUTHS.get(text);
        row.bits[slot] = truth == null ? 0 : truth;
        return truth != null;
    }

    private void isoTime(Row row, int slot, JsonScanner in) {
        row.bits[slot] = iso.read(in.bytes(), in.textStart(), in.textEnd(), casts[columnOf[slot]].zone());
        if (iso.flaw == IsoTime.WRONG) {
            flaw(slot, Bad.WRONG_TYPE, "is not a time in ISO 8601, or one without a zone");
        } else if (iso.flaw == IsoTime.NOT_ONCE) {
            flaw(slot, Bad.OUT_OF_RANGE, "is a time that its zone skips, has twice, or does not know");
        } else if (row.bits[slot] < TIME_MIN || row.bits[slot] > TIME_MAX) {
            flaw(slot, Bad.OUT_OF_RANGE, "is outside the years 1 to 9999");
        }
    }

    private void string(Row row, int slot, String text) {
        Map<String, String> values = casts[columnOf[slot]].values();
        String meant = values == null ? text : values.get(text);
        if (hasLoneSurrogate(text)) {
            flaw(slot, Bad.NOT_JSON, "holds half a surrogate pair");
        } else if (meant == null) {
            flaw(slot, Bad.WRONG_TYPE, "is none of the texts that it has");
        } else if (used[columnOf[slot]]) {
            row.texts[slot] = meant;
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

    private void bool(Row row, JsonScanner in, Node node, String word, long bits) throws BadRecord {
        int start = in.place();
        in.word(word);
        for (int slot : node.slots) {
            row.nulls[slot] = false;
            if (columns[columnOf[slot]].type() == Type.BOOL) {
                row.bits[slot] = bits;
            } else {
                wrong(slot, in.shown(start));
            }
        }
        below(row, in, node, start);
    }

    private void number(Row row, JsonScanner in, Node node) throws BadRecord {
        int start = in.place();
        in.number();
        for (int slot : node.slots) {
            row.nulls[slot] = false;
            boolean iso = casts[columnOf[slot]].iso();
            if (iso || !number(row, in, slot)) {
                wrong(slot, in.shown(start));
            }
        }
        below(row, in, node, start);
    }

    /** False where the column takes no number, or none of this form. */
    private boolean number(Row row, JsonScanner in, int slot) {
        Cast cast = casts[columnOf[slot]];
        switch (columns[columnOf[slot]].type()) {
            case FLOAT64 -> real(row, in, slot, cast);
            case INT64 -> {
                if (in.isInteger()) {
                    integer(row, in, slot);
                } else {
                    return cast.fraction() && whole(row, in, slot);
                }
            }
            case TIMESTAMP -> timestamp(row, in, slot, cast.power());
            case STRING -> {
                return word(row, in, slot, cast);
            }
            case BOOL -> {
                return cast.number() && bit(row, in, slot);
            }
            case VECTOR -> {
                return false;
            }
        }
        return true;
    }

    private void integer(Row row, JsonScanner in, int slot) {
        if (in.fits()) {
            row.bits[slot] = in.asLong();
        } else {
            flaw(slot, Bad.OUT_OF_RANGE, "does not fit int64");
        }
    }

    private boolean whole(Row row, JsonScanner in, int slot) {
        String digits = in.scaled(0);
        if (digits == null) {
            return false;
        }
        try {
            row.bits[slot] = Long.parseLong(in.isNegative() ? "-" + digits : digits);
        } catch (NumberFormatException e) {
            flaw(slot, Bad.OUT_OF_RANGE, "does not fit int64");
        }
        return true;
    }

    private boolean word(Row row, JsonScanner in, int slot, Cast cast) {
        if (!(in.isInteger() ? cast.number() || cast.fraction() : cast.fraction())) {
            return false;
        }
        String digits = in.scaled(0);
        if (digits == null) {
            return false;
        }
        if (digits.equals(JsonScanner.HUGE)) {
            flaw(slot, Bad.OUT_OF_RANGE, "has more than " + JsonScanner.MOST_DIGITS + " digits");
        } else {
            string(row, slot, in.isNegative() && !digits.equals("0") ? "-" + digits : digits);
        }
        return true;
    }

    private static boolean bit(Row row, JsonScanner in, int slot) {
        String digits = in.scaled(0);
        boolean zero = "0".equals(digits);
        row.bits[slot] = zero ? 0 : 1;
        return zero || "1".equals(digits) && !in.isNegative();
    }

    private void timestamp(Row row, JsonScanner in, int slot, int power) {
        if (power == 0 && in.isInteger()) {
            row.bits[slot] = in.asLong();
        } else {
            row.bits[slot] = in.floor(power);
        }
        long ms = row.bits[slot];
        if (power == 0 && in.isInteger() && !in.fits() || ms < TIME_MIN || ms > TIME_MAX) {
            flaw(slot, Bad.OUT_OF_RANGE, "is outside the years 1 to 9999");
        }
    }

    private void real(Row row, JsonScanner in, int slot, Cast cast) {
        double number = in.asDouble();
        if (cast.places() >= 0 && !in.isDecimal(cast.places(), DECIMAL_LIMIT)) {
            flaw(slot, Bad.OUT_OF_RANGE, "is no decimal of " + cast.places() + " places, or too large for one");
        } else if (Double.isInfinite(number)) {
            flaw(slot, Bad.NOT_JSON, "is beyond float64");
        } else {
            row.bits[slot] = Double.doubleToRawLongBits(number + 0.0);
        }
    }

    private void readParts(Row row, long timestamp, ConsumerRecord<byte[], byte[]> record) {
        if (record != null && record.key() != null && keyFields.below.length > 0) {
            keyDocument(row, record.key());
        }
        for (int i = 0; i < columns.length; i++) {
            String header = layout.headers.get(i);
            if (header != null && record != null) {
                Header last = record.headers().lastHeader(header);
                part(row, i, last == null ? null : last.value());
            } else if (layout.keys.get(i) && record != null) {
                part(row, i, record.key());
            } else if (layout.timestamps.get(i) && timestamp >= 0) {
                row.nulls[i] = false;
                row.bits[i] = timestamp;
                if (timestamp > TIME_MAX) {
                    flaw(i, Bad.OUT_OF_RANGE, "is outside the years 1 to 9999");
                }
            }
        }
    }

    private void keyDocument(Row row, byte[] key) {
        try {
            document(row, keyJson, key, keyFields);
        } catch (BadRecord e) {
            for (int slot : keyFields.below) {
                flaw(slot, e.bad().code(), "is in a key with " + e.bad().detail());
            }
        }
    }

    private void part(Row row, int slot, byte[] raw) {
        if (raw == null) {
            return;
        }
        row.nulls[slot] = false;
        texts.openText(raw);
        if (!JsonScanner.isUtf8(raw)) {
            flaw(slot, Bad.WRONG_TYPE, "is not text in UTF-8");
        } else if (columns[slot].type() == Type.STRING) {
            string(row, slot, texts.textString(false));
        } else if (casts[slot].iso()) {
            isoTime(row, slot, texts);
        } else if (!readFromText(row, slot, texts)) {
            flaw(slot, Bad.WRONG_TYPE, "is not " + word(slot));
        }
    }

    /** Of each column's paths the first counts whose object or array is there, the last where none is. */
    private void choose(Row row) {
        for (int column = 0; column < columns.length; column++) {
            int[] slots = slotsOf[column];
            int chosen = 0;
            while (chosen < slots.length - 1 && !reached[slots[chosen]] && (!anyBad || bads[slots[chosen]] == null)) {
                chosen++;
            }
            if (chosen > 0) {
                take(row, column, slots[chosen]);
            }
        }
    }

    private void take(Row row, int column, int slot) {
        row.bits[column] = row.bits[slot];
        row.texts[column] = row.texts[slot];
        row.nulls[column] = row.nulls[slot];
        if (anyBad) {
            bads[column] = bads[slot];
        }
    }

    private void wrong(int slot, String shown) {
        flaw(slot, Bad.WRONG_TYPE, "is " + shown + ", not " + word(slot));
    }

    private String word(int slot) {
        Column column = columns[columnOf[slot]];
        return column.type() == Type.VECTOR
                ? "an array of " + column.dimensions() + " numbers"
                : column.type().name().toLowerCase(Locale.ROOT);
    }

    /** A value where paths go on. */
    private void below(Row row, JsonScanner in, Node node, int start) {
        if (node.below.length > 0) {
            misfit(row, node, in.shown(start));
        }
    }

    private void misfit(Row row, Node node, String shown) {
        for (int slot : node.slots) {
            row.nulls[slot] = false;
            wrong(slot, shown);
        }
        misfitBelow(node, shown);
    }

    private void misfitBelow(Node node, String shown) {
        for (int slot : node.below) {
            flaw(slot, Bad.WRONG_TYPE, "is in " + node.words + ", which is " + shown);
        }
    }

    private void flaw(int slot, String code, String what) {
        if (!anyBad) {
            Arrays.fill(bads, null);
            anyBad = true;
        }
        bads[slot] = new Bad(code, place(slot) + " " + what);
    }

    private String place(int slot) {
        int column = columnOf[slot];
        String name = columns[column].name();
        String stands = layout.words(column);
        return stands.equals(name) ? name : name + " (" + stands + ")";
    }

    private void checkTypes() throws BadRecord {
        if (!anyBad) {
            return;
        }
        // of a record that has several flaws that of the first column is told
        for (int i = 0; i < columns.length; i++) {
            if (bads[i] != null) {
                throw new BadRecord(bads[i].code(), bads[i].detail());
            }
        }
    }

    private void checkTime(Row row, long timestamp) throws BadRecord {
        if (time < 0) {
            return;
        }
        if (row.nulls[time]) {
            throw new BadRecord(Bad.MISSING_TIME, place(time) + " is null");
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
                throw new BadRecord(Bad.MISSING_VALUE, place(i) + " is null");
            }
        }
    }
}
