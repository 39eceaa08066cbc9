package penstock.window;

import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeutils.base.LongSerializer;

/**
 * A key's rows by number. A job that failed may have emitted rows after its last checkpoint, and what is emitted again
 * need not be the same rows: change points fire by the watermark's own pace. So after a restore numbers go on from a
 * floor that grows with the wall clock, faster than any key has rows, and the rows emitted again win at the same time.
 * The floor is kept, and grows at each restore whatever the wall clock says: that may have gone back.
 */
final class Numbering {
    /** 2025-01-01, UTC, in milliseconds: numbers stay below 2^53 until 2042. */
    static final long BEGINNING = 1_735_689_600_000L;

    /** Rows that one key may have in a second; and after the last checkpoint, where the wall clock has gone back. */
    static final long PER_SECOND = 1L << 24;

    private final ListState<Long> kept;
    private boolean pending;
    private long floor;

    Numbering(OperatorStateStore store, boolean restored) throws Exception {
        // each subtask gets the floors of all: keys move when the parallelism changes
        kept = store.getUnionListState(new ListStateDescriptor<>("floor", LongSerializer.INSTANCE));
        for (long each : kept.get()) {
            floor = Math.max(floor, each);
        }
        pending = restored;
    }

    void snapshot() throws Exception {
        kept.update(List.of(floor));
    }

    /** @param now the wall-clock time of the first row after a restore, in milliseconds */
    void begin(long now) {
        if (pending) {
            pending = false;
            floor = Math.max(floor == 0 ? 0 : floor + PER_SECOND, byClock(now));
        }
    }

    private static long byClock(long now) {
        return now < BEGINNING ? 0 : (now - BEGINNING) / 1000 * PER_SECOND;
    }

    /** The number after a key's last one. */
    long after(long last) {
        return Math.max(last, floor) + 1;
    }
}
