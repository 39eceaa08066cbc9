package penstock.window;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import penstock.parity.Harnesses;
import penstock.route.Event;

/** A window operator in Flink's harness; rows come back as their JSON values. */
final class Harness implements AutoCloseable {
    private final String plan;
    private final StateBackend backend;
    WindowOperator operator;
    private KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness;

    Harness(String plan, StateBackend backend) throws Exception {
        this(plan, backend, null);
    }

    Harness(String plan, StateBackend backend, OperatorSubtaskState state) throws Exception {
        this.plan = plan;
        this.backend = backend;
        start(state);
    }

    private void start(OperatorSubtaskState state) throws Exception {
        operator = new WindowOperator(plan);
        harness = Harnesses.open(operator, backend, state);
    }

    List<String> event(Event event) throws Exception {
        harness.processElement(new StreamRecord<>(event, event.time));
        return drain();
    }

    List<String> watermark(long time) throws Exception {
        harness.processWatermark(new Watermark(time));
        return drain();
    }

    OperatorSubtaskState snapshot() throws Exception {
        return harness.snapshot(1, 1);
    }

    void restore() throws Exception {
        restore(snapshot());
    }

    void restore(OperatorSubtaskState state) throws Exception {
        harness.close();
        start(state);
    }

    /** @param now wall-clock time, in milliseconds; 0 at the start */
    void wallClock(long now) throws Exception {
        harness.setProcessingTime(now);
    }

    int timers() {
        return harness.numEventTimeTimers();
    }

    int stateEntries() {
        return harness.numKeyedStateEntries();
    }

    private List<String> drain() {
        List<String> rows = new ArrayList<>();
        for (FeatureRow row : harness.extractOutputValues()) {
            rows.add(new String(row.value(), StandardCharsets.UTF_8));
        }
        harness.getOutput().clear();
        return rows;
    }

    @Override
    public void close() throws Exception {
        harness.close();
    }
}
