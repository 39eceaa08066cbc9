package penstock.plan;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.jspecify.annotations.Nullable;

/** From a view's canonical JSON to its frozen plan. Refuses what this module does not carry. */
public final class PlanReader {
    private static final int FORMAT = 1;
    private static final Map<String, Window.Kind> WINDOWS = Map.of(
            "sliding", Window.Kind.SLIDING,
            "hopping", Window.Kind.HOPPING,
            "calendar", Window.Kind.CALENDAR,
            "session", Window.Kind.SESSION,
            "lifetime", Window.Kind.LIFETIME);
    /** Nulls of an event are bits of one long. */
    private static final int MOST_ARGS = 64;
    /** So are its conditions, but for two bits that say more of the event. */
    private static final int MOST_WHERES = 62;

    /** Unit → the power of ten of milliseconds that one of it is. */
    private static final Map<String, Integer> POWERS = Map.of("s", 3, "ms", 0, "us", -3, "ns", -6);

    private PlanReader() {}

    public static View read(String json) {
        JsonNode node = tree(json);
        check(node.path("format").asInt() == FORMAT, "plan format " + node.path("format") + " is not " + FORMAT);
        View view = new View(
                json,
                node.get("name").asText(),
                sources(node.get("source")),
                list(node.get("key"), key -> column(key, false)),
                nullable(node.get("filter"), PlanReader::expr),
                list(node.get("args"), PlanReader::arg),
                list(node.get("wheres"), PlanReader::expr),
                list(node.get("windows"), PlanReader::window),
                list(node.get("features"), PlanReader::feature));
        check(view.args().size() <= MOST_ARGS, "a view has at most " + MOST_ARGS + " distinct arguments");
        check(view.wheres().size() <= MOST_WHERES, "a view has at most " + MOST_WHERES + " distinct conditions");
        return view;
    }

    /** Plans that read one source, alone or in unions; refused when they know it differently. */
    public static List<View> readAll(String source, String... plans) {
        List<View> views = new ArrayList<>();
        for (String plan : plans) {
            View view = read(plan);
            views.add(view);
            check(
                    in(view, source).equals(in(views.get(0), source)),
                    "view " + view.name() + " knows source " + source + " otherwise than the views before it");
        }
        check(!views.isEmpty(), "no plans");
        return List.copyOf(views);
    }

    private static Source in(View view, String source) {
        return view.sources().get(view.place(source));
    }

    private static JsonNode tree(String json) {
        try {
            return new ObjectMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw new PlanException("a plan is not JSON: " + e.getOriginalMessage());
        }
    }

    private static List<Source> sources(JsonNode node) {
        return node.has("union") ? list(node.get("union"), PlanReader::source) : List.of(source(node));
    }

    private static Source source(JsonNode node) {
        return new Source(
                node.get("name").asText(),
                nullable(node.get("time"), JsonNode::asText),
                nullable(node.get("id"), JsonNode::asText),
                nullable(node.get("op"), JsonNode::asText),
                list(node.get("columns"), column -> column(column, column.get("nullable").asBoolean())),
                node.get("lateness_ms").asLong(),
                node.get("max_ahead_ms").asLong(),
                node.get("disorder_ms").asLong(),
                node.path("tombstones").asBoolean());
    }

    private static Column column(JsonNode node, boolean nullable) {
        int dimensions = Type.dimensions(node.get("type").asText());
        return new Column(node.get("name").asText(), type(node), nullable, cast(node.path("cast")), dimensions);
    }

    private static Cast cast(JsonNode node) {
        if (node.isMissingNode()) {
            return Cast.PLAIN;
        }
        String unit = node.path("unit").asText("ms");
        check(unit.equals("iso8601") || POWERS.containsKey(unit), "unit " + unit + " is not carried");
        return new Cast(
                node.path("text").asBoolean(),
                node.path("fraction").asBoolean(),
                node.path("number").asBoolean(),
                node.path("decimal").asInt(-1),
                POWERS.getOrDefault(unit, 0),
                unit.equals("iso8601"),
                node.has("zone") ? zone(node.get("zone")) : null,
                node.has("values") ? values(node.get("values")) : null);
    }

    private static Map<String, String> values(JsonNode node) {
        Map<String, String> values = new HashMap<>();
        node.forEach(pair -> values.put(pair.get(0).textValue(), pair.get(1).textValue()));
        return Map.copyOf(values);
    }

    private static Arg arg(JsonNode node) {
        JsonNode places = node.get("places");
        return new Arg(expr(node.get("expr")), type(node), places.isNull() ? -1 : places.asInt());
    }

    private static Window window(JsonNode node) {
        String kind = node.get("kind").asText();
        check(WINDOWS.containsKey(kind), "window kind " + kind + " is not carried");
        return new Window(
                WINDOWS.get(kind),
                node.get("name").asText(),
                node.path("size_ms").asLong(),
                node.path("step_ms").asLong(),
                node.path("delay_ms").asLong(),
                node.path("offset_ms").asLong());
    }

    private static Feature feature(JsonNode node) {
        return new Feature(
                node.get("name").asText(),
                node.get("aggregate").asText(),
                index(node.get("arg")),
                index(node.get("where")),
                node.get("window").asInt(),
                element(node),
                index(node.path("by")),
                parameters(node.path("parameters"), Type.dimensions(node.get("type").asText())),
                list(node.path("ages"), JsonNode::asInt));
    }

    /** The type of a feature, of a list that of its elements. */
    private static Type element(JsonNode node) {
        String type = node.get("type").asText();
        return Type.of(type.startsWith("list<") ? type.substring(5, type.length() - 1) : type);
    }

    private static Parameters parameters(JsonNode node, int dimensions) {
        JsonNode share = node.path("share");
        return new Parameters(
                share.path(0).asLong(0),
                share.path(1).asLong(1),
                node.path("k").asInt(dimensions),
                list(node.path("edges"), PlanReader::bits));
    }

    /** A number's bits: edges of a float64 are written with a fraction or an exponent, those of an int64 without. */
    private static long bits(JsonNode number) {
        return number.isIntegralNumber() ? number.longValue() : Double.doubleToRawLongBits(number.doubleValue());
    }

    private static Expr expr(JsonNode node) {
        String op = node.get("op").asText();
        Type type = type(node);
        if (op.equals("column")) {
            return new Expr(op, type, node.get("name").asText(), null, List.of());
        }
        if (op.equals("literal")) {
            return new Expr(op, type, null, literal(node.get("value"), type), List.of());
        }
        Zone zone = nullable(node.get("zone"), PlanReader::zone);
        return new Expr(op, type, null, null, list(node.get("args"), PlanReader::expr), zone);
    }

    private static Zone zone(JsonNode node) {
        List<JsonNode> entries = list(node.get("offsets"), Function.identity());
        return new Zone(
                entries.stream().mapToLong(entry -> entry.get(0).asLong()).toArray(),
                entries.stream()
                        .map(entry -> entry.get(1))
                        .mapToLong(offset -> offset.isNull() ? Zone.UNKNOWN : offset.asLong())
                        .toArray());
    }

    private static @Nullable Object literal(JsonNode value, Type type) {
        if (value.isNull()) {
            return null;
        }
        return switch (type) {
            case FLOAT64 -> value.doubleValue();
            case STRING -> value.textValue();
            case BOOL -> value.booleanValue();
            case INT64, TIMESTAMP -> value.longValue();
            case VECTOR -> throw new PlanException("a constant is no vector");
        };
    }

    private static Type type(JsonNode node) {
        return Type.of(node.get("type").asText());
    }

    private static int index(JsonNode node) {
        return node.isNull() || node.isMissingNode() ? -1 : node.asInt();
    }

    private static <T> @Nullable T nullable(@Nullable JsonNode node, Function<JsonNode, T> read) {
        return node == null || node.isNull() ? null : read.apply(node);
    }

    private static <T> List<T> list(JsonNode array, Function<JsonNode, T> read) {
        List<T> items = new ArrayList<>();
        array.forEach(item -> items.add(read.apply(item)));
        return List.copyOf(items);
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new PlanException(message);
        }
    }
}
