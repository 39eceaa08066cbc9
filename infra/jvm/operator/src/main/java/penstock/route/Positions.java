package penstock.route;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;

/**
 * The next offset of each partition of a source's topic, as part of the job's state: what lies before it is in that
 * state. So a source that is started anew may begin a little earlier, and nothing counts twice.
 */
final class Positions {
    private final UUID topic;
    private long[] next = {};
    private ListState<long[]> state;
    /** Has a state held them? */
    private boolean known;

    /** @param topic the id that the cluster gave the topic: one that is made anew has other records */
    Positions(UUID topic) {
        this.topic = topic;
    }

    /**
     * Every subtask takes all positions over: partitions may have moved. A position that no subtask has gone past stays
     * the greatest.
     *
     * @param starts where the source begins anew, by partition, less than 0 for the first record; none: where its own
     *     state says
     * @param gone by partition, the offset up to which its records can no longer be read
     */
    void restore(OperatorStateStore store, boolean restored, long[] starts, long[] gone) throws Exception {
        restore(store, "positions");
        if (restored && starts.length > 0 && !known) {
            throw new IllegalStateException("the state does not hold the source's positions: it is of an older version");
        }
        for (int partition = 0; partition < gone.length; partition++) {
            if (gone[partition] > 0) {
                reach(partition, gone[partition]);
            }
        }
        check(starts);
    }

    /** The same of what is read from its beginning, wherever its own state says. */
    void restore(OperatorStateStore store, String name) throws Exception {
        state = store.getUnionListState(new ListStateDescriptor<>(name, LongPrimitiveArraySerializer.INSTANCE));
        for (long[] each : state.get()) {
            known = true;
            if (each[2] >= 0 && each[0] == topic.getMostSignificantBits() && each[1] == topic.getLeastSignificantBits()) {
                reach((int) each[2], each[3]);
            }
        }
    }

    private void check(long[] starts) {
        for (int partition = 0; partition < Math.min(starts.length, next.length); partition++) {
            if (next[partition] >= 0 && starts[partition] > next[partition]) {
                throw new IllegalStateException("partition " + partition + " would begin at " + starts[partition]
                        + ", and the state ends at " + next[partition]);
            }
        }
    }

    void snapshot() throws Exception {
        List<long[]> entries = new ArrayList<>();
        // a state of no record holds positions, too: none
        entries.add(new long[] {topic.getMostSignificantBits(), topic.getLeastSignificantBits(), -1, 0});
        for (int partition = 0; partition < next.length; partition++) {
            if (next[partition] >= 0) {
                entries.add(new long[] {
                    topic.getMostSignificantBits(), topic.getLeastSignificantBits(), partition, next[partition]
                });
            }
        }
        state.update(entries);
    }

    /** Goes past a record. False: it is part of the state already. */
    boolean pass(int partition, long offset) {
        if (partition < next.length && offset < next[partition]) {
            return false;
        }
        set(partition, offset + 1);
        return true;
    }

    private void reach(int partition, long offset) {
        if (partition >= next.length || next[partition] < offset) {
            set(partition, offset);
        }
    }

    private void set(int partition, long offset) {
        if (partition >= next.length) {
            int known = next.length;
            next = Arrays.copyOf(next, partition + 1);
            Arrays.fill(next, known, next.length, -1);
        }
        next[partition] = offset;
    }
}
