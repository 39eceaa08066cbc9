package penstock.kafka;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;

/**
 * Where a source without state of its own begins: at the given offsets, other partitions at their first record. A
 * position that no longer exists later on is never replaced: the consumer fails, and says which one it was.
 */
public final class StartingOffsets implements OffsetsInitializer {
    private static final long serialVersionUID = 1L;

    private final long[] offsets;

    /** @param offsets by partition; less than 0 for the first record */
    public StartingOffsets(long... offsets) {
        this.offsets = offsets;
    }

    @Override
    public Map<TopicPartition, Long> getPartitionOffsets(
            Collection<TopicPartition> partitions, PartitionOffsetsRetriever retriever) {
        Map<TopicPartition, Long> starts = new HashMap<>(retriever.beginningOffsets(partitions));
        starts.replaceAll((partition, first) -> given(partition.partition(), first));
        return starts;
    }

    private long given(int partition, long first) {
        return partition < offsets.length && offsets[partition] >= 0 ? offsets[partition] : first;
    }

    @Override
    public OffsetResetStrategy getAutoOffsetResetStrategy() {
        return OffsetResetStrategy.NONE;
    }
}
