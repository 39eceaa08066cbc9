package penstock.route;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.UUID;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.operators.ProcessOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;
import penstock.Plans;
import penstock.ingest.Bad;
import penstock.ingest.Row;

/** A router that goes on from its state, while the source may begin elsewhere. */
class PositionsTest {
    private static final String TOPIC = new UUID(7, 8).toString();
    private static final String OTHER = new UUID(7, 9).toString();
    private static final long[] NOWHERE = {};
    private static final String PLAN = Plans.view(
            Plans.source("id", 0), Plans.sliding(1, 0), Plans.feature("f", "count", null, null, 0, "int64"));

    /** How many of these offsets of a partition count; the state is that afterwards. */
    private static final class Run implements AutoCloseable {
        private final Router router;
        private final OneInputStreamOperatorTestHarness<Row, DeadLetter> harness;

        Run(OperatorSubtaskState state, String topic, long[] starts, long... gone) throws Exception {
            router = new Router("src", new SourceStart(topic, starts, gone, null), PLAN);
            harness = new OneInputStreamOperatorTestHarness<>(new ProcessOperator<>(router));
            harness.setup(new DeadLetterSerializer());
            if (state != null) {
                harness.initializeState(state);
            }
            harness.open();
        }

        long read(int partition, long... offsets) throws Exception {
            long before = router.count(0, "in");
            for (long offset : offsets) {
                Row row = new Row(new byte[0], partition, offset);
                row.bad = new Bad(Bad.NOT_JSON, "");
                harness.processElement(new StreamRecord<>(row));
            }
            return router.count(0, "in") - before;
        }

        OperatorSubtaskState end() throws Exception {
            OperatorSubtaskState state = harness.snapshot(1, 1);
            close();
            return state;
        }

        @Override
        public void close() throws Exception {
            harness.close();
        }
    }

    private static OperatorSubtaskState upTo(long offset) throws Exception {
        Run run = new Run(null, TOPIC, NOWHERE);
        assertEquals(2, run.read(1, 0, offset));
        return run.end();
    }

    @Test
    void whatIsInTheStateDoesNotCountAgain() throws Exception {
        try (Run run = new Run(upTo(5), TOPIC, new long[] {-1, 3})) {
            assertEquals(1, run.read(1, 3, 4, 5, 6));
            assertEquals(2, run.read(0, 0, 1));
        }
    }

    @Test
    void positionsOutliveStatesThatAreNotUsed() throws Exception {
        OperatorSubtaskState again = new Run(upTo(5), TOPIC, NOWHERE).end();
        try (Run run = new Run(again, TOPIC, new long[] {0, 0})) {
            assertEquals(1, run.read(1, 5, 6));
        }
    }

    @Test
    void aStartBeyondTheStateIsRefusedUnlessTheRecordsAreGone() throws Exception {
        OperatorSubtaskState state = upTo(5);
        assertThrows(Exception.class, () -> new Run(state, TOPIC, new long[] {-1, 9}));
        try (Run run = new Run(state, TOPIC, new long[] {-1, 9}, 0, 9)) {
            assertEquals(1, run.read(1, 9));
        }
    }

    @Test
    void aTopicThatWasMadeAnewHasOtherRecords() throws Exception {
        try (Run run = new Run(upTo(5), OTHER, NOWHERE)) {
            assertEquals(3, run.read(1, 0, 1, 2));
        }
    }
}
