package penstock.parity;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import penstock.ingest.RowParser;

/**
 * Runs the job's own operators over given events: one JSON request per line in, one JSON line out, until the input
 * ends. A request is {@code {"plans":[canonical text…],"items":[["event",base64|null,timestamp|null,source|null,key|null,[[header,base64|null]]],["history",base64,source|null],["watermark",ms],["restore"]],
 * "backend":"heap"|"rocksdb","layouts":{source:text},"cut_over":ms|null,"owned":[source…]}}; an item's place is its record's offset. The plans are of one
 * source, or of one union, whose events name their source; {@code owned} are the sources with a history before the cut-over.
 */
public final class Driver {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Driver() {}

    public static void main(String[] args) throws IOException {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // only answers go to stdout, whatever a library prints
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.print(JSON.writeValueAsString(answer(line)) + "\n");
            answers.flush();
        }
    }

    private static ObjectNode answer(String line) {
        try {
            return run(JSON.readTree(line));
        } catch (Exception | LinkageError e) {
            StringWriter stack = new StringWriter();
            e.printStackTrace(new PrintWriter(stack));
            return JsonNodeFactory.instance.objectNode().put("error", stack.toString());
        }
    }

    private static ObjectNode run(JsonNode request) throws Exception {
        try (ViewsRun run = new ViewsRun(
                plans(request.get("plans")),
                layouts(request.get("layouts")),
                backend(request.get("backend").asText()),
                request.get("now").isNull() ? RowParser.TIME_MAX : request.get("now").longValue(),
                request.get("cut_over").isNull() ? null : request.get("cut_over").longValue(),
                names(request.get("owned")))) {
            JsonNode items = request.get("items");
            for (int i = 0; i < items.size(); i++) {
                item(run, i, items.get(i));
            }
            return run.answer();
        }
    }

    private static String[] plans(JsonNode plans) {
        String[] texts = new String[plans.size()];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = plans.get(i).textValue();
        }
        return texts;
    }

    private static Set<String> names(JsonNode names) {
        Set<String> texts = new HashSet<>();
        names.forEach(name -> texts.add(name.textValue()));
        return texts;
    }

    private static Supplier<StateBackend> backend(String name) {
        return switch (name) {
            case "heap" -> HashMapStateBackend::new;
            case "rocksdb" -> EmbeddedRocksDBStateBackend::new;
            default -> throw new IllegalArgumentException("backend " + name + " is not heap or rocksdb");
        };
    }

    private static void item(ViewsRun run, int index, JsonNode item) throws Exception {
        switch (item.get(0).asText()) {
            case "event" -> run.event(item.get(3).textValue(), record(index, item));
            case "history" -> run.history(item.get(2).textValue(), index, raw(item.get(1)));
            case "watermark" -> run.watermark(item.get(1).longValue());
            case "restore" -> run.restore();
            default -> throw new IllegalArgumentException("item " + item + " is not event, history, watermark or restore");
        }
    }

    private static ConsumerRecord<byte[], byte[]> record(int index, JsonNode item) throws IOException {
        RecordHeaders headers = new RecordHeaders();
        for (JsonNode header : item.get(5)) {
            headers.add(header.get(0).textValue(), raw(header.get(1)));
        }
        return SourceRun.record(index, raw(item.get(1)), timestamp(item.get(2)), raw(item.get(4)), headers);
    }

    private static Map<String, String> layouts(JsonNode layouts) {
        Map<String, String> texts = new HashMap<>();
        layouts.fields().forEachRemaining(entry -> texts.put(entry.getKey(), entry.getValue().textValue()));
        return texts;
    }

    private static byte[] raw(JsonNode base64) throws IOException {
        return base64.isNull() ? null : base64.binaryValue();
    }

    private static Long timestamp(JsonNode timestamp) {
        return timestamp.isNull() ? null : timestamp.longValue();
    }
}
