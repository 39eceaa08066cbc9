package penstock.kafka;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.Header;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeader;
import penstock.json.JsonWriter;
import penstock.plan.PlanReader;
import penstock.window.FeatureRow;

/** Emitted rows to records of a feature topic, with the headers fingerprint, topic, partition and offset. */
public final class FeatureRecordSerializer implements KafkaRecordSerializationSchema<FeatureRow> {
    private static final long serialVersionUID = 1L;

    private final String topic;
    private final byte[] fingerprint;
    private final byte[][] sourceTopics;

    /**
     * @param plan the view's canonical plan
     * @param sourceTopics the topics that the view's events come from, in the order of its sources
     * @param topic the feature topic
     */
    public FeatureRecordSerializer(String plan, String[] sourceTopics, String topic) {
        this.topic = topic;
        this.sourceTopics = Arrays.stream(sourceTopics)
                .map(name -> name.getBytes(StandardCharsets.UTF_8))
                .toArray(byte[][]::new);
        fingerprint = PlanReader.read(plan).fingerprint().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(FeatureRow row, KafkaSinkContext context, Long timestamp) {
        Header[] headers = {
            new RecordHeader("fingerprint", fingerprint),
            new RecordHeader("topic", sourceTopics[row.source()]),
            new RecordHeader("partition", JsonWriter.ascii(Integer.toString(row.partition()))),
            new RecordHeader("offset", JsonWriter.ascii(Long.toString(row.offset()))),
        };
        return new ProducerRecord<>(topic, null, null, row.key(), row.value(), List.of(headers));
    }
}
