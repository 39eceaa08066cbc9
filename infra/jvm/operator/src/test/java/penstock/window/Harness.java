package penstock.window;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.memory.MemCheckpointStreamFactory;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFinalizer;
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

    /** A checkpoint; {@code meanwhile} is run once this many bytes of what keys keep are written, or all. */
    OperatorSubtaskState snapshot(int bytes, Meanwhile meanwhile) throws Exception {
        InterruptedStreams streams = new InterruptedStreams(bytes, meanwhile);
        var written = harness.getOperator()
                .snapshotState(1, 1, CheckpointOptions.forCheckpointWithDefaultLocation(), streams);
        streams.armed = true;
        OperatorSubtaskState state = OperatorSnapshotFinalizer.create(written).getJobManagerOwnedState();
        if (streams.armed) {
            meanwhile.run();
        }
        return state;
    }

    /** Something that happens while a checkpoint is written. */
    interface Meanwhile {
        void run() throws Exception;
    }

    private static final class InterruptedStreams extends MemCheckpointStreamFactory {
        private static final int MOST = 1 << 24;
        private final int bytes;
        private final Meanwhile meanwhile;
        private boolean armed;

        InterruptedStreams(int bytes, Meanwhile meanwhile) {
            super(MOST);
            this.bytes = bytes;
            this.meanwhile = meanwhile;
        }

        @Override
        public CheckpointStateOutputStream createCheckpointStateOutputStream(CheckpointedStateScope scope) {
            return new MemoryCheckpointOutputStream(MOST) {
                private int written;

                @Override
                public void write(int b) throws IOException {
                    super.write(b);
                    wrote(1);
                }

                @Override
                public void write(byte[] b, int from, int length) throws IOException {
                    super.write(b, from, length);
                    wrote(length);
                }

                private void wrote(int more) throws IOException {
                    written += more;
                    if (armed && written >= bytes) {
                        armed = false;
                        try {
                            meanwhile.run();
                        } catch (Exception e) {
                            throw new IOException(e);
                        }
                    }
                }
            };
        }
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

    /** Of a checkpoint, in bytes. */
    long stateSize() throws Exception {
        return snapshot().getStateSize();
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
