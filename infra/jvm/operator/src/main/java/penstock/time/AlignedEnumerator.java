package penstock.time;

import java.io.IOException;
import java.util.List;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.connector.kafka.source.enumerator.KafkaSourceEnumState;
import org.apache.flink.connector.kafka.source.split.KafkaPartitionSplit;

/** Hands out a topic's partitions, and tells each reader how far the slowest reader of the whole job is. */
final class AlignedEnumerator implements SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> {
    private final SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> topic;
    private final SplitEnumeratorContext<KafkaPartitionSplit> context;
    private final Fleet fleet;
    private final String source;

    AlignedEnumerator(
            SplitEnumerator<KafkaPartitionSplit, KafkaSourceEnumState> topic,
            SplitEnumeratorContext<KafkaPartitionSplit> context,
            Fleet fleet,
            String source) {
        this.topic = topic;
        this.context = context;
        this.fleet = fleet;
        this.source = source;
        fleet.begin(source, context.currentParallelism());
    }

    @Override
    public void handleSourceEvent(int subtask, SourceEvent event) {
        if (event instanceof Reached reached) {
            fleet.tell(source, subtask, reached.time());
            context.sendEventToSourceReader(subtask, new Reached(fleet.least()));
        } else {
            topic.handleSourceEvent(subtask, event);
        }
    }

    @Override
    public void addReader(int subtask) {
        fleet.tell(source, subtask, Long.MIN_VALUE);
        topic.addReader(subtask);
    }

    @Override
    public void start() {
        topic.start();
    }

    @Override
    public void handleSplitRequest(int subtask, String host) {
        topic.handleSplitRequest(subtask, host);
    }

    @Override
    public void addSplitsBack(List<KafkaPartitionSplit> splits, int subtask) {
        topic.addSplitsBack(splits, subtask);
    }

    @Override
    public KafkaSourceEnumState snapshotState(long checkpoint) throws Exception {
        return topic.snapshotState(checkpoint);
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) throws Exception {
        topic.notifyCheckpointComplete(checkpoint);
    }

    @Override
    public void notifyCheckpointAborted(long checkpoint) throws Exception {
        topic.notifyCheckpointAborted(checkpoint);
    }

    @Override
    public void close() throws IOException {
        topic.close();
    }
}
