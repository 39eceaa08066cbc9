package penstock.window;

import java.nio.charset.StandardCharsets;
import penstock.json.JsonWriter;

/** Builds emitted rows: {@code {"key":{…},"t":ms,"seq":n,"values":{…}}}. Not for use by several threads. */
final class RowWriter {
    private static final byte[] KEY = JsonWriter.ascii("{\"key\":");
    private static final byte[] TIME = JsonWriter.ascii(",\"t\":");
    private static final byte[] SEQ = JsonWriter.ascii(",\"seq\":");
    private static final byte[] VALUES = JsonWriter.ascii(",\"values\":");
    private static final byte[] END = JsonWriter.ascii("}}");

    private final Layout layout;
    private final JsonWriter json = new JsonWriter();
    private boolean overflowed;

    RowWriter(Layout layout) {
        this.layout = layout;
    }

    FeatureRow row(String key, KeyState state) {
        byte[] keyBytes = key.getBytes(StandardCharsets.UTF_8);
        json.clear();
        json.raw(KEY).raw(keyBytes).raw(TIME).integer(state.clock).raw(SEQ).integer(state.seq).raw(VALUES);
        overflowed = false;
        for (int f = 0; f < layout.emits.length; f++) {
            json.raw(layout.names[f]);
            if (layout.decays[f] != null) {
                layout.decays[f].write(state.accumulators, json);
            } else {
                overflowed |= layout.emits[f].write(state.accumulators[layout.sources[f]], json);
            }
        }
        json.raw(END);
        return new FeatureRow(keyBytes, json.toBytes(), state.source, state.partition, state.offset);
    }

    /** Has an int64 sum of the last row been null because it does not fit? */
    boolean overflowed() {
        return overflowed;
    }
}
