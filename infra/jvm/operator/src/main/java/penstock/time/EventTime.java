package penstock.time;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.TimestampAssigner;
import org.apache.flink.api.common.eventtime.TimestampAssignerSupplier;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.eventtime.WatermarksWithIdleness;
import penstock.ingest.Row;
import penstock.plan.PlanReader;
import penstock.plan.Source;
import penstock.plan.View;

/**
 * How a source's events move time, per partition. Replayed topics: events alone do, and a partition that is quiet for
 * {@code idle} no longer holds others back. Live topics: after {@code idle} without events the wall clock does.
 */
public final class EventTime implements WatermarkStrategy<Row> {
    private static final long serialVersionUID = 1L;

    private final boolean timed;
    private final long disorder;
    private final long idle;
    private final boolean live;

    /**
     * @param name of the source
     * @param plan the plan of any view that reads it
     * @param idle milliseconds of wall-clock time
     */
    public EventTime(String name, String plan, long idle, boolean live) {
        View view = PlanReader.read(plan);
        Source source = view.sources().get(view.place(name));
        timed = source.time() != null;
        disorder = source.disorder();
        this.idle = idle;
        this.live = live;
    }

    /** Bad records, and rows that hold for all time, move no watermark. */
    @Override
    public TimestampAssigner<Row> createTimestampAssigner(TimestampAssignerSupplier.Context context) {
        return (row, kafka) -> row.bad == null && timed ? row.time : Long.MIN_VALUE;
    }

    @Override
    public WatermarkGenerator<Row> createWatermarkGenerator(WatermarkGeneratorSupplier.Context context) {
        if (live) {
            return new LiveWatermarks(disorder, idle, System::currentTimeMillis);
        }
        return new WatermarksWithIdleness<>(
                new EventWatermarks(disorder, System::currentTimeMillis),
                Duration.ofMillis(idle),
                context.getInputActivityClock());
    }
}
