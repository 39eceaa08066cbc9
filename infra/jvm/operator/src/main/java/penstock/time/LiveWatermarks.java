package penstock.time;

import java.util.function.LongSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import penstock.ingest.Row;

/** Time by events and, once none came for {@code idle} milliseconds, by the wall clock: a quiet topic still moves time. */
final class LiveWatermarks extends EventWatermarks {
    private final long idle;
    private long lastEvent;

    LiveWatermarks(long disorder, long idle, LongSupplier clock) {
        super(disorder, clock);
        this.idle = idle;
        lastEvent = clock.getAsLong();
    }

    @Override
    public void onEvent(Row row, long timestamp, WatermarkOutput output) {
        lastEvent = clock.getAsLong();
        super.onEvent(row, timestamp, output);
    }

    // time moved by the clock stays moved: an earlier watermark later on is ignored by the output
    @Override
    public void onPeriodicEmit(WatermarkOutput output) {
        long now = clock.getAsLong();
        if (now - lastEvent >= idle) {
            super.onEvent(null, now - idle, output);
        }
        super.onPeriodicEmit(output);
    }
}
