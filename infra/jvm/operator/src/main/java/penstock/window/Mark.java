package penstock.window;

import penstock.json.JsonWriter;

/**
 * A record that says how far a writer of change points is: behind it, in its partition, is no row of the writer whose
 * time is not after {@code progress}, save late ones. No row has such a key: theirs are objects.
 */
public final class Mark {
    private Mark() {}

    /** Is this a mark? Then its partition is the one that it is for. */
    public static boolean is(FeatureRow row) {
        return row.key()[0] == '"';
    }

    /** @param writer the place of the writer among {@code of} writers */
    static FeatureRow of(long progress, int writer, int of, int partition) {
        byte[] key = JsonWriter.ascii("\"progress of writer " + writer + " of " + of + "\"");
        byte[] value = JsonWriter.ascii("{\"progress\":" + progress + ",\"writer\":" + writer + ",\"of\":" + of + "}");
        return new FeatureRow(key, value, 0, partition, 0);
    }
}
