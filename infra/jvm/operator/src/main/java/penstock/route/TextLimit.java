package penstock.route;

import java.nio.charset.StandardCharsets;
import penstock.plan.Column;
import penstock.plan.Feature;
import penstock.plan.Type;
import penstock.plan.View;

/**
 * How long the texts in a view's rows may be, so that every row fits into one record: a row that no topic takes would end
 * the job, at every restart again. The same numbers as in {@code features/row_size.py}.
 */
final class TextLimit {
    private static final int ROW_BYTES = 1_000_000;
    private static final int FRAME = 1_024;
    private static final int NAME = 4;
    private static final int VALUE = 32;
    private static final int ESCAPED = 6;

    /** The most bytes of UTF-8. */
    final int bytes;

    private long left = ROW_BYTES - FRAME;
    private long texts;

    TextLimit(View view) {
        for (Column key : view.key()) {
            // in the record's key, and in its value
            add(key.name(), key.type().isText(), 2, 2);
        }
        for (Feature feature : view.features()) {
            add(feature.name(), feature.type() == Type.STRING, 1, most(feature));
        }
        bytes = (int) Math.floorDiv(left, ESCAPED * Math.max(1, texts));
    }

    private void add(String name, boolean text, int names, int values) {
        left -= (long) names * (name.getBytes(StandardCharsets.UTF_8).length + NAME) + (long) VALUE * values;
        texts += text ? values : 0;
    }

    private static int most(Feature feature) {
        int bins = feature.parameters().edges().size() - 1;
        return Math.max(1, Math.max(feature.parameters().k(), bins));
    }

    /** Whether a text is longer. */
    boolean exceeds(String text) {
        // a char has three bytes at most
        return text.length() > bytes / 3 && size(text) > bytes;
    }

    /** Its bytes of UTF-8. */
    static int size(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
