package penstock.time;

import java.util.function.LongSupplier;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkOutput;

/**
 * Event time of a partition: the greatest of its events, less the disorder, less the millisecond that may still repeat.
 *
 * <p>No single record moves it far. A time that is more than {@code maxAhead} later than all before counts once a second
 * record has reached it too, or nothing comes after it.
 *
 * <p>A job that catches up emits watermarks less often: fewer rows are written for change points that its next events
 * overtake anyway.
 */
final class EventWatermarks {
    /** A job that takes in so many events from one watermark to the next is busy. */
    static final int BUSY = 1_000;

    /** A job whose event time runs this many times as fast as the wall clock is behind. */
    static final int BEHIND = 10;

    /** A job that catches up emits a watermark at least this often, in milliseconds. */
    static final long PATIENCE = 1_000;

    private final long disorder;
    private final long maxAhead;
    private final LongSupplier clock;
    private final long none;
    private long greatest;
    /** The greatest time of a single record. */
    private long single = Long.MIN_VALUE;

    private int events;
    private long emitted;
    private long emittedAt;

    /** @param clock the wall clock, in milliseconds */
    EventWatermarks(long disorder, long maxAhead, LongSupplier clock) {
        this.disorder = disorder;
        this.maxAhead = maxAhead;
        this.clock = clock;
        // so that the first watermark does not wrap around
        none = Long.MIN_VALUE + disorder + 1;
        greatest = none;
        emitted = none;
        emittedAt = clock.getAsLong();
    }

    /** How far the partition has been read; {@link Long#MIN_VALUE} before its first event. */
    long reached() {
        return greatest == none ? Long.MIN_VALUE : greatest;
    }

    void event(long time) {
        events++;
        if (time <= greatest) {
            return;
        }
        if (isNear(time)) {
            greatest = time;
            return;
        }
        long agreed = Math.min(time, single);
        single = Math.max(time, single);
        greatest = Math.max(greatest, agreed);
        if (isNear(single)) {
            greatest = single;
        }
    }

    private boolean isNear(long time) {
        return greatest != none && time - greatest <= maxAhead;
    }

    /** The partition has been read to its end: no record is left that the last ones could be ahead of. */
    void end() {
        greatest = Math.max(greatest, single);
    }

    /** All before this time has been read from elsewhere; nothing has where it is {@link Long#MIN_VALUE}. */
    void from(long time) {
        if (time != Long.MIN_VALUE) {
            atLeast(time + disorder);
        }
    }

    /** The wall clock moves time. */
    void atLeast(long time) {
        greatest = Math.max(greatest, time);
    }

    /** Nothing more is to come at or before the greatest time. */
    void settle(WatermarkOutput output) {
        if (greatest != none) {
            output.emitWatermark(new Watermark(greatest));
        }
    }

    void emit(WatermarkOutput output) {
        long now = clock.getAsLong();
        if (catchesUp(now - emittedAt)) {
            return;
        }
        output.emitWatermark(new Watermark(greatest - disorder - 1));
        events = 0;
        emitted = greatest;
        emittedAt = now;
    }

    /** @param since milliseconds since the last watermark; less than 0 where the wall clock has gone back */
    private boolean catchesUp(long since) {
        return events >= BUSY && since >= 0 && since < PATIENCE && greatest - emitted > BEHIND * since;
    }
}
