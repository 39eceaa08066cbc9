package penstock.window;

import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.streaming.api.TimerService;
import org.jspecify.annotations.Nullable;

/**
 * How far the watermark has come. Flink forgets it at a restart, and until all partitions have been read again nothing
 * would be too late: but what was forgotten by then would no longer be known again.
 */
final class Reached {
    private final ListState<Long> kept;
    private long time = Long.MIN_VALUE;
    /** The operator's, once there was an element: it goes on without any. */
    private @Nullable TimerService timers;

    Reached(OperatorStateStore store) throws Exception {
        // one checkpoint has one watermark for all subtasks: each gets it, because keys move when the parallelism changes
        kept = store.getUnionListState(new ListStateDescriptor<>("watermark", LongSerializer.INSTANCE));
        for (long each : kept.get()) {
            time = Math.max(time, each);
        }
    }

    void snapshot() throws Exception {
        if (timers != null) {
            now(timers);
        }
        kept.update(List.of(time));
    }

    /** The watermark at this element. */
    long now(TimerService service) {
        timers = service;
        time = Math.max(time, service.currentWatermark());
        return time;
    }
}
