package penstock.kafka;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;

/** Before which offsets a source that reads on in other partitions stops, because the records there cannot be read. */
public final class StoppingOffsets implements OffsetsInitializer {
    private static final long serialVersionUID = 1L;

    private final long[] offsets;

    /** @param offsets by partition; less than 0 for a partition that is read on */
    public StoppingOffsets(long... offsets) {
        this.offsets = offsets;
    }

    @Override
    public Map<TopicPartition, Long> getPartitionOffsets(
            Collection<TopicPartition> partitions, PartitionOffsetsRetriever retriever) {
        Map<TopicPartition, Long> stops = new HashMap<>();
        for (TopicPartition each : partitions) {
            if (each.partition() < offsets.length && offsets[each.partition()] >= 0) {
                stops.put(each, offsets[each.partition()]);
            }
        }
        return stops;
    }

    @Override
    public OffsetResetStrategy getAutoOffsetResetStrategy() {
        return OffsetResetStrategy.NONE;
    }
}
