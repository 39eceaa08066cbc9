package penstock.time;

import java.util.function.LongSupplier;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import penstock.ingest.Row;

/**
 * Time by events alone: the greatest event time, less the disorder, less the millisecond that may still repeat. A job that
 * catches up tells it less often: of the rows of change points that its next events overtake anyway, fewer are written.
 */
class EventWatermarks implements WatermarkGenerator<Row> {
    /** A job that takes in so many events from one telling to the next is busy. */
    static final int BUSY = 1_000;

    /** A job whose event time runs this many times as fast as the wall clock is behind. */
    static final int BEHIND = 10;

    /** A job that catches up tells time at least this often, in milliseconds. */
    static final long PATIENCE = 1_000;

    final long disorder;
    final LongSupplier clock;
    private long greatest;
    private int events;
    private long told;
    private long toldAt;

    /** @param clock the wall clock, in milliseconds */
    EventWatermarks(long disorder, LongSupplier clock) {
        this.disorder = disorder;
        this.clock = clock;
        // so that the first watermark does not wrap around
        greatest = Long.MIN_VALUE + disorder + 1;
        told = greatest;
        toldAt = clock.getAsLong();
    }

    @Override
    public void onEvent(Row row, long timestamp, WatermarkOutput output) {
        events++;
        greatest = Math.max(greatest, timestamp);
    }

    @Override
    public void onPeriodicEmit(WatermarkOutput output) {
        long now = clock.getAsLong();
        if (catchesUp(now - toldAt)) {
            return;
        }
        output.emitWatermark(new Watermark(greatest - disorder - 1));
        events = 0;
        told = greatest;
        toldAt = now;
    }

    /** @param since milliseconds since time was told; less than 0 where the wall clock has gone back */
    private boolean catchesUp(long since) {
        return events >= BUSY && since >= 0 && since < PATIENCE && greatest - told > BEHIND * since;
    }
}
