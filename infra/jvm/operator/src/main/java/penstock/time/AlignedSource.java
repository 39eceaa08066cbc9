package penstock.time;

import java.util.Properties;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.KafkaSourceEnumState;
import org.apache.flink.connector.kafka.source.split.KafkaPartitionSplit;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import penstock.ingest.Row;
import penstock.plan.PlanReader;
import penstock.plan.View;

/**
 * A topic whose partitions advance in event time together with all others of the job, and which emits the watermarks of
 * each. Flink's own alignment compares watermarks once in an interval, in which a job that catches up passes days.
 */
public final class AlignedSource
        implements Source<Row, KafkaPartitionSplit, KafkaSourceEnumState>, ResultTypeQueryable<Row> {
    private static final long serialVersionUID = 1L;

    private final KafkaSource<Row> topic;
    private final Properties kafka;
    private final String job;
    private final String source;
    private final Times times;
    private final long drift;
    private final long idle;
    private final Pace pace;
    private final boolean spread;
    private final long from;

    /**
     * @param kafka the topic's client properties
     * @param job a name that no other job of the process has
     * @param plan the plan of any view that reads the source
     * @param drift how far a partition may be ahead of another one, in milliseconds of event time
     * @param idle milliseconds of wall-clock time
     * @param pace what moves partitions that are quiet
     * @param spread does the job run in several processes?
     * @param from the time before which all events have been read from elsewhere; {@link Long#MIN_VALUE} for none
     */
    public AlignedSource(
            KafkaSource<Row> topic,
            Properties kafka,
            String job,
            String source,
            String plan,
            long drift,
            long idle,
            Pace pace,
            boolean spread,
            long from) {
        View view = PlanReader.read(plan);
        this.topic = topic;
        this.kafka = kafka;
        this.job = job;
        this.source = source;
        this.times = Times.of(view.sources().get(view.place(source)));
        this.drift = drift;
        this.idle = idle;
        this.pace = pace;
        this.spread = spread;
        this.from = from;
    }

    @Override
    public SourceReader<Row, KafkaPartitionSplit> createReader(SourceReaderContext context) throws Exception {
        SourceReader<Row, KafkaPartitionSplit> reader = topic.createReader(context);
        Others others = spread && times.timed() ? new Others(context::sendSourceEventToCoordinator) : Others.NONE;
        return new AlignedReader(
                reader, Alignment.of(job), others, new Backlogs(kafka), times, drift, idle, pace, from);
    }

    @Override
    public Boundedness getBoundedness() {
        return topic.getBoundedness();
    }

    @Override
    public SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> createEnumerator(
            SplitEnumeratorContext<KafkaPartitionSplit> context) {
        return aligned(topic.createEnumerator(context), context);
    }

    @Override
    public SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> restoreEnumerator(
            SplitEnumeratorContext<KafkaPartitionSplit> context, KafkaSourceEnumState state) throws Exception {
        return aligned(topic.restoreEnumerator(context, state), context);
    }

    private SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> aligned(
            SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> enumerator,
            SplitEnumeratorContext<KafkaPartitionSplit> context) {
        return spread && times.timed()
                ? new AlignedEnumerator(enumerator, context, Fleet.of(job), source)
                : enumerator;
    }

    @Override
    public SimpleVersionedSerializer<KafkaPartitionSplit> getSplitSerializer() {
        return topic.getSplitSerializer();
    }

    @Override
    public SimpleVersionedSerializer<KafkaSourceEnumState> getEnumeratorCheckpointSerializer() {
        return topic.getEnumeratorCheckpointSerializer();
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return topic.getProducedType();
    }
}
