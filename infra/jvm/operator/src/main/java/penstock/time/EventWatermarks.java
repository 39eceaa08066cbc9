package penstock.time;

import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import penstock.ingest.Row;

/** Time by events alone: the greatest event time, less the disorder, less the millisecond that may still repeat. */
class EventWatermarks implements WatermarkGenerator<Row> {
    final long disorder;
    private long greatest;

    EventWatermarks(long disorder) {
        this.disorder = disorder;
        // so that the first watermark does not wrap around
        greatest = Long.MIN_VALUE + disorder + 1;
    }

    @Override
    public void onEvent(Row row, long timestamp, WatermarkOutput output) {
        greatest = Math.max(greatest, timestamp);
    }

    @Override
    public void onPeriodicEmit(WatermarkOutput output) {
        output.emitWatermark(new Watermark(greatest - disorder - 1));
    }
}
