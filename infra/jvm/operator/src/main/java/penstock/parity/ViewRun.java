package penstock.parity;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.jspecify.annotations.Nullable;
import penstock.plan.PlanReader;
import penstock.plan.Source;
import penstock.route.Event;
import penstock.route.EventSerializer;
import penstock.window.CutOver;
import penstock.window.FeatureRow;
import penstock.window.WindowOperator;

/** One view's real window operator in Flink's harness, and the rows that it emitted. */
final class ViewRun implements AutoCloseable {
    private final String plan;
    private final StateBackend backend;
    private final @Nullable CutOver cutOver;
    private final EventSerializer wire;
    private final List<Source> sources;
    private final ArrayNode rows = JsonNodeFactory.instance.arrayNode();
    private long reached = Long.MIN_VALUE;
    /** Since the last restart. */
    private long elements;
    private WindowOperator operator;
    private KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness;

    ViewRun(String plan, StateBackend backend, @Nullable CutOver cutOver) throws Exception {
        this.cutOver = cutOver;
        this.plan = plan;
        this.backend = backend;
        wire = new EventSerializer(plan);
        sources = PlanReader.read(plan).sources();
        start(null);
    }

    private void start(OperatorSubtaskState state) throws Exception {
        operator = new WindowOperator(plan, cutOver);
        harness = Harnesses.open(operator, backend, state);
    }

    void event(Event event) throws Exception {
        elements++;
        harness.processElement(new StreamRecord<>(sent(event), event.time));
        drain();
    }

    // as it arrives over the network in a job
    private Event sent(Event event) throws Exception {
        DataOutputSerializer out = new DataOutputSerializer(128);
        wire.serialize(event, out);
        return wire.deserialize(new DataInputDeserializer(out.getSharedBuffer(), 0, out.length()));
    }

    void watermark(long time) throws Exception {
        reached = time;
        harness.processWatermark(new Watermark(time));
        drain();
    }

    /** The operator knows the watermark of its last element again; what came after that, sources emit again. */
    void restore(long checkpoint) throws Exception {
        OperatorSubtaskState state = harness.snapshot(checkpoint, checkpoint);
        harness.close();
        start(state);
        if (elements == 0 && reached != Long.MIN_VALUE) {
            harness.processWatermark(new Watermark(reached));
        }
        elements = 0;
    }

    private void drain() {
        for (Object next = harness.getOutput().poll(); next != null; next = harness.getOutput().poll()) {
            if (next instanceof StreamRecord<?> record && record.getValue() instanceof FeatureRow row) {
                rows.addArray()
                        .add(new String(row.key(), StandardCharsets.UTF_8))
                        .add(new String(row.value(), StandardCharsets.UTF_8))
                        .add(row.offset())
                        .add(sources.get(row.source()).name());
            }
        }
    }

    /** Puts the rows into the answer. */
    void answer(ObjectNode view) {
        view.set("rows", rows);
    }

    /** Adds the operator's counts of a source, by its place, to those of its router. */
    void count(int source, ObjectNode counts) {
        for (String name : new String[] {"too_late", "duplicate", "before_cut", "sum_overflow"}) {
            counts.put(name, operator.count(source, name));
        }
        counts.put("applied", counts.get("applied").longValue() + operator.count(source, "applied"));
    }

    @Override
    public void close() throws Exception {
        harness.close();
    }
}
