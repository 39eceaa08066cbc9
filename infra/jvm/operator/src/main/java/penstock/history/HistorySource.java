package penstock.history;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.connector.base.source.hybrid.HybridSource;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import penstock.ingest.IngestDeserializer;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.ingest.RowSerializer;
import penstock.time.AlignedSource;
import penstock.time.Alignment;
import penstock.time.Fleet;
import penstock.time.Others;
import penstock.types.PlainType;

/**
 * A source's events before a time, from files that have one JSON document a line, under the columns' own names and in
 * their own types, in the order of the events' times.
 */
public final class HistorySource implements Source<Row, HistorySplit, List<HistorySplit>>, ResultTypeQueryable<Row> {
    private static final long serialVersionUID = 1L;

    private final String source;
    private final String[] plans;
    private final String[] files;
    private final String job;
    private final long drift;
    private final long cutOver;
    private final boolean spread;

    /**
     * @param source its name
     * @param plans the canonical plans of all views that read it
     * @param job a name that no other job of the process has
     * @param drift how far a file may be ahead of what else is read, in milliseconds of event time
     * @param cutOver the time before which all events lie, in milliseconds
     * @param spread does the job run in several processes?
     */
    public HistorySource(
            String source,
            String[] plans,
            String[] files,
            String job,
            long drift,
            long cutOver,
            boolean spread) {
        this.source = source;
        this.plans = plans;
        this.files = files;
        this.job = job;
        this.drift = drift;
        this.cutOver = cutOver;
        this.spread = spread;
    }

    /** History, and the topic once all of it has been read. */
    public static HybridSource<Row> then(HistorySource history, AlignedSource topic) {
        return HybridSource.<Row, SplitEnumerator<HistorySplit, List<HistorySplit>>>builder(history)
                .addSource(topic)
                .build();
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public SourceReader<Row, HistorySplit> createReader(SourceReaderContext context) {
        Others others = spread ? new Others(context::sendSourceEventToCoordinator) : Others.NONE;
        RowParser parser = IngestDeserializer.typedParser(source, plans);
        return new HistoryReader(parser, Alignment.of(job), others, drift, cutOver);
    }

    @Override
    public SplitEnumerator<HistorySplit, List<HistorySplit>> createEnumerator(
            SplitEnumeratorContext<HistorySplit> context) {
        List<HistorySplit> splits = new ArrayList<>();
        for (int lane = 0; lane < files.length; lane++) {
            splits.add(new HistorySplit(lane, files[lane], 0));
        }
        return enumerator(context, splits);
    }

    @Override
    public SplitEnumerator<HistorySplit, List<HistorySplit>> restoreEnumerator(
            SplitEnumeratorContext<HistorySplit> context, List<HistorySplit> unread) {
        return enumerator(context, unread);
    }

    private HistoryEnumerator enumerator(SplitEnumeratorContext<HistorySplit> context, List<HistorySplit> unread) {
        Fleet fleet = Fleet.of(job);
        if (spread) {
            fleet.begin(source, context.currentParallelism());
        }
        return new HistoryEnumerator(context, unread, fleet, source);
    }

    @Override
    public SimpleVersionedSerializer<HistorySplit> getSplitSerializer() {
        return new HistorySplitSerializer();
    }

    @Override
    public SimpleVersionedSerializer<List<HistorySplit>> getEnumeratorCheckpointSerializer() {
        return new UnreadFiles();
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return new PlainType<>(Row.class, new RowSerializer());
    }
}
