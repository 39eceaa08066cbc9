package penstock.parity;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.record.TimestampType;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.ProcessOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import penstock.ingest.IngestDeserializer;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.route.DeadLetter;
import penstock.route.DeadLetterSerializer;
import penstock.route.Event;
import penstock.route.Router;
import penstock.route.SourceStart;

/** One source's real deserializer and router, driven record by record; events go to the window operators of its views. */
final class SourceRun implements AutoCloseable {
    private static final String TOPIC = "parity";

    private final String source;
    private final String[] plans;
    private final List<ViewRun> runs;
    private final ArrayNode dead;
    private final IngestDeserializer deserializer;
    private final RowParser typed;
    private final List<Row> parsed = new ArrayList<>();
    private Router router;
    private OneInputStreamOperatorTestHarness<Row, DeadLetter> harness;

    /** @param now the wall clock, in milliseconds */
    SourceRun(String source, String layout, String[] plans, List<ViewRun> runs, ArrayNode dead, long now)
            throws Exception {
        this.source = source;
        this.plans = plans;
        this.runs = runs;
        this.dead = dead;
        deserializer = new IngestDeserializer(() -> now, source, layout, plans);
        deserializer.open(null);
        typed = IngestDeserializer.typedParser(source, plans);
        start(null);
    }

    private void start(OperatorSubtaskState state) throws Exception {
        router = new Router(source, SourceStart.ITS_OWN, plans);
        harness = new OneInputStreamOperatorTestHarness<>(new ProcessOperator<>(router));
        harness.setup(new DeadLetterSerializer());
        if (state != null) {
            harness.initializeState(state);
        }
        harness.open();
    }

    void event(ConsumerRecord<byte[], byte[]> record) throws Exception {
        deserializer.deserialize(record, new ListCollector<>(parsed));
        routeParsed();
    }

    /** A row of the source's history, as it stands in a file. */
    void history(long offset, byte[] raw) throws Exception {
        parsed.add(typed.parse(raw, Row.history(0), offset, RowParser.NO_TIMESTAMP));
        routeParsed();
    }

    private void routeParsed() throws Exception {
        for (Row row : parsed) {
            harness.processElement(new StreamRecord<>(row, row.time));
        }
        parsed.clear();
        drainDead();
        for (int view = 0; view < plans.length; view++) {
            drainEvents(view);
        }
    }

    /** A record as the job's source reads it; {@code timestamp} is null for none. */
    static ConsumerRecord<byte[], byte[]> record(
            long offset, byte[] raw, Long timestamp, byte[] key, RecordHeaders headers) {
        return new ConsumerRecord<>(
                TOPIC,
                0,
                offset,
                timestamp == null ? ConsumerRecord.NO_TIMESTAMP : timestamp,
                TimestampType.CREATE_TIME,
                key == null ? ConsumerRecord.NULL_SIZE : key.length,
                raw == null ? ConsumerRecord.NULL_SIZE : raw.length,
                key,
                raw,
                headers,
                Optional.empty());
    }

    private void drainDead() {
        for (Object next = harness.getOutput().poll(); next != null; next = harness.getOutput().poll()) {
            if (next instanceof StreamRecord<?> record && record.getValue() instanceof DeadLetter letter) {
                dead.addObject()
                        .put("index", letter.offset())
                        .put("view", letter.view())
                        .put("error", letter.error())
                        .put("detail", letter.detail());
            }
        }
    }

    private void drainEvents(int view) throws Exception {
        Queue<StreamRecord<Event>> events = harness.getSideOutput(router.tag(view));
        for (StreamRecord<Event> next = poll(events); next != null; next = poll(events)) {
            runs.get(view).event(next.getValue());
        }
    }

    // the harness has no queue before the first output
    private static <T> T poll(Queue<T> queue) {
        return queue == null ? null : queue.poll();
    }

    /** Snapshots, throws everything away and goes on from the snapshot. */
    void restore(long checkpoint) throws Exception {
        OperatorSubtaskState state = harness.snapshot(checkpoint, checkpoint);
        harness.close();
        start(state);
    }

    /** Puts the router's counts of a view, by its place in the plans, into the answer. */
    void answer(int view, ObjectNode counts) {
        for (String name : new String[] {"in", "applied", "dead"}) {
            counts.put(name, router.count(view, name));
        }
    }

    @Override
    public void close() throws Exception {
        harness.close();
    }
}
