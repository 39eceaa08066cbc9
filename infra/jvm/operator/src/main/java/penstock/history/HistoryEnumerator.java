package penstock.history;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import penstock.time.Fleet;
import penstock.time.Reached;

/** Gives each reader its share of the files at once, because all of them are read side by side. */
final class HistoryEnumerator implements SplitEnumerator<HistorySplit, List<HistorySplit>> {
    private final SplitEnumeratorContext<HistorySplit> context;
    private final List<HistorySplit> unread;
    private final Fleet fleet;
    private final String source;

    HistoryEnumerator(
            SplitEnumeratorContext<HistorySplit> context, List<HistorySplit> unread, Fleet fleet, String source) {
        this.context = context;
        this.unread = new ArrayList<>(unread);
        this.fleet = fleet;
        this.source = source;
    }

    @Override
    public void handleSourceEvent(int reader, SourceEvent event) {
        if (event instanceof Reached reached) {
            fleet.tell(source, reader, reached.time());
            context.sendEventToSourceReader(reader, new Reached(fleet.least()));
        }
    }

    @Override
    public void start() {}

    @Override
    public void addReader(int reader) {
        for (HistorySplit split : List.copyOf(unread)) {
            if (split.lane() % context.currentParallelism() == reader) {
                context.assignSplit(split, reader);
                unread.remove(split);
            }
        }
        context.signalNoMoreSplits(reader);
    }

    @Override
    public void handleSplitRequest(int reader, String host) {}

    @Override
    public void addSplitsBack(List<HistorySplit> splits, int reader) {
        unread.addAll(splits);
    }

    @Override
    public List<HistorySplit> snapshotState(long checkpoint) {
        return List.copyOf(unread);
    }

    @Override
    public void close() {}
}
