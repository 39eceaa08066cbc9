package penstock.ingest;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import penstock.plan.Column;
import penstock.plan.PlanException;
import penstock.plan.Source;

/** Where the columns of a source stand in its records. */
final class Layout {
    /** Of each column the paths of its field, from which its value is the first whose object is there. */
    final List<List<List<Object>>> fields = new ArrayList<>();
    /** Of each column the path of its field in the record's key. */
    final List<List<Object>> keyFields = new ArrayList<>();
    /** Of each column the header that it is, or null. */
    final List<String> headers = new ArrayList<>();
    /** Of each column: is it the record's key as text? */
    final List<Boolean> keys = new ArrayList<>();
    /** Of each column: is it the record's timestamp? */
    final List<Boolean> timestamps = new ArrayList<>();

    /** @param json by column, for those that do not stand under their own names; empty: all do */
    Layout(Source source, String json) {
        JsonNode layout = tree(json);
        for (Column column : source.columns()) {
            JsonNode origin = layout.path(column.name());
            fields.add(paths(column, origin));
            keyFields.add(origin.path("key").isArray() ? path(origin.get("key")) : null);
            headers.add(origin.path("header").textValue());
            keys.add(origin.path("key").isNull());
            timestamps.add(origin.has("timestamp"));
        }
    }

    private static JsonNode tree(String json) {
        try {
            return json.isEmpty() ? JsonNodeFactory.instance.objectNode() : new ObjectMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw new PlanException("a layout is not JSON: " + e.getOriginalMessage());
        }
    }

    private static List<List<Object>> paths(Column column, JsonNode origin) {
        if (origin.isMissingNode()) {
            return List.of(List.of(column.name()));
        }
        List<List<Object>> paths = new ArrayList<>();
        if (origin.isArray()) {
            origin.forEach(path -> paths.add(path(path)));
        }
        return paths;
    }

    private static List<Object> path(JsonNode steps) {
        List<Object> path = new ArrayList<>();
        steps.forEach(step -> path.add(step.isInt() ? (Object) step.intValue() : step.textValue()));
        return path;
    }

    /** Where a column stands, for people. */
    String words(int column) {
        if (headers.get(column) != null) {
            return "the header " + headers.get(column);
        }
        if (keyFields.get(column) != null) {
            return words(keyFields.get(column)) + " of the record's key";
        }
        if (keys.get(column)) {
            return "the record's key";
        }
        return timestamps.get(column)
                ? "the record's timestamp"
                : fields.get(column).stream().map(Layout::words).collect(Collectors.joining(" or "));
    }

    /** A path as it is written. */
    static String words(List<Object> path) {
        StringBuilder words = new StringBuilder();
        for (Object step : path) {
            if (step instanceof Integer index) {
                words.append('[').append(index).append(']');
            } else if (((String) step).matches("[^\\s.\\[\\]\"\\\\\\x00-\\x1f\\x7f]+")) {
                words.append(words.length() > 0 ? "." : "").append(step);
            } else {
                words.append("[\"").append(step).append("\"]");
            }
        }
        return words.toString();
    }
}
