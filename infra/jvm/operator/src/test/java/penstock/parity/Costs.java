package penstock.parity;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.apache.flink.runtime.state.KeyedStateBackend;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.route.Event;
import penstock.window.FeatureRow;
import penstock.window.WindowOperator;
import penstock.window.WrittenRows;

/**
 * What the window operator alone costs, for the benchmarks: one JSON request per line in, one JSON line out. A request is
 * {@code {"plan":text,"backend":"heap"|"rocksdb","keys":n,"warm":events,"events":events,"gap":ms,"late":ms,
 * "json":boolean,"state":boolean}}:
 * random keys, an event every {@code gap} milliseconds, every third one up to {@code late} milliseconds late. Only the last
 * {@code events} are measured. All arguments are numbers. With {@code json} the answer says, too, what reading the events'
 * records costs and what writing the rows, which is a part of the operator's cost; with {@code state} how large a
 * checkpoint is in the end.
 */
public final class Costs {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Events between two watermarks. */
    private static final int BEAT = 200;

    private final KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness;
    private final View view;
    private final SplittableRandom random = new SplittableRandom(7);
    private final String[] keys;
    private final long gap;
    private final long late;
    private long time;
    private long sent;
    private long rows;

    private Costs(JsonNode request) throws Exception {
        view = PlanReader.read(request.get("plan").textValue());
        keys = new String[request.get("keys").intValue()];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = "{\"k\":" + i + "}";
        }
        gap = request.get("gap").longValue();
        late = request.get("late").longValue();
        StateBackend backend = request.get("backend").asText().equals("heap")
                ? new HashMapStateBackend()
                : new EmbeddedRocksDBStateBackend();
        harness = Harnesses.open(new WindowOperator(view.json()), backend, null);
    }

    public static void main(String[] args) throws IOException {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.print(answer(line) + "\n");
            answers.flush();
        }
    }

    private static ObjectNode answer(String line) {
        try {
            JsonNode request = JSON.readTree(line);
            Costs costs = new Costs(request);
            try {
                costs.play(request.get("warm").intValue());
                return costs.answer(request);
            } finally {
                costs.harness.close();
            }
        } catch (Exception e) {
            return JsonNodeFactory.instance.objectNode().put("error", e.toString());
        }
    }

    private ObjectNode answer(JsonNode request) throws Exception {
        int events = request.get("events").intValue();
        rows = 0;
        ObjectNode answer = measured(events, () -> play(events)).put("rows", (double) rows / events);
        if (request.get("json").booleanValue()) {
            answer.set("json_in", reading(events));
            answer.set("json_out", writing(events));
        }
        if (request.get("state").booleanValue()) {
            answer.put("state", (double) harness.snapshot(1, 1).getStateSize() / keys.length);
        }
        return answer;
    }

    private ObjectNode reading(int events) throws Exception {
        JsonRecords records = new JsonRecords(view, events, random);
        records.parse();
        return measured(events, records::parse).put("size", records.size());
    }

    private ObjectNode writing(int events) throws Exception {
        KeyedStateBackend<String> backend = harness.getOperator().getKeyedStateBackend();
        WrittenRows written = new WrittenRows(view.json(), backend, keys);
        double size = (double) written.write(rows) / rows;
        return measured(events, () -> written.write(rows)).put("size", size);
    }

    /** Processor time and bytes allocated, per event. */
    private static ObjectNode measured(int events, Work work) throws Exception {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long bytes = threads.getCurrentThreadAllocatedBytes();
        long nanos = threads.getCurrentThreadCpuTime();
        work.run();
        nanos = threads.getCurrentThreadCpuTime() - nanos;
        bytes = threads.getCurrentThreadAllocatedBytes() - bytes;
        return JsonNodeFactory.instance
                .objectNode()
                .put("micros", nanos / 1e3 / events)
                .put("bytes", (double) bytes / events);
    }

    private interface Work {
        void run() throws Exception;
    }

    private void play(int events) throws Exception {
        for (int i = 0; i < events; i++) {
            Event event = event();
            harness.processElement(new StreamRecord<>(event, event.time));
            if (++sent % BEAT == 0) {
                harness.processWatermark(new Watermark(time - late - 1));
                drain();
            }
        }
        drain();
    }

    private Event event() {
        time += gap;
        Event event = new Event();
        event.key = keys[random.nextInt(keys.length)];
        event.time = late > 0 && sent % 3 == 0 ? time - random.nextLong(late) : time;
        event.offset = sent;
        event.bits = new long[view.args().size()];
        event.texts = new String[event.bits.length];
        for (int a = 0; a < event.bits.length; a++) {
            int number = random.nextInt(100_000);
            event.bits[a] = switch (view.args().get(a).type()) {
                case FLOAT64 -> Double.doubleToRawLongBits(number / 100.0);
                case INT64 -> number;
                default -> throw new IllegalArgumentException("an argument is no number");
            };
        }
        return event;
    }

    private void drain() {
        for (Object next = harness.getOutput().poll(); next != null; next = harness.getOutput().poll()) {
            rows += next instanceof StreamRecord<?> ? 1 : 0;
        }
    }
}
