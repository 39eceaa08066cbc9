package penstock.ingest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

/** The names of a document's first fields, with those in its objects, for people. */
final class FieldNames {
    /** How many fields are named, how deep, and how much of each name. */
    private static final int MOST = 20;

    private static final int DEEP = 3;
    private static final int SHOWN = 40;
    private static final ObjectMapper JSON = new ObjectMapper();

    private FieldNames() {}

    /** What is wrong with a record, with the fields that it has where that may explain it. */
    static Bad added(Bad bad, byte[] raw) {
        boolean explains = bad.code().equals(Bad.WRONG_TYPE)
                || bad.code().equals(Bad.OUT_OF_RANGE)
                || bad.code().equals(Bad.MISSING_TIME)
                || bad.code().equals(Bad.MISSING_VALUE);
        return explains ? new Bad(bad.code(), bad.detail() + "; the record has " + there(raw)) : bad;
    }

    private static String there(byte[] raw) {
        List<String> names = new ArrayList<>();
        try {
            add(names, List.of(), JSON.readTree(new String(raw, StandardCharsets.UTF_8)));
        } catch (IOException e) {
            return "fields that cannot be named";
        }
        return names.isEmpty() ? "no fields" : String.join(", ", names);
    }

    private static void add(List<String> names, List<Object> outer, JsonNode object) {
        Iterator<Map.Entry<String, JsonNode>> fields = object.fields();
        while (fields.hasNext() && names.size() <= MOST) {
            Map.Entry<String, JsonNode> field = fields.next();
            List<Object> path = new ArrayList<>(outer);
            path.add(field.getKey());
            if (names.size() == MOST) {
                names.add("…");
            } else if (field.getValue().isObject() && !field.getValue().isEmpty() && path.size() < DEEP) {
                add(names, path, field.getValue());
            } else {
                String name = Layout.words(path);
                names.add(name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name);
            }
        }
    }
}
