package penstock.kafka;

import java.nio.charset.StandardCharsets;
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
    private final byte[] sourceTopic;

    /**
     * @param plan the view's canonical plan
     * @param sourceTopic the topic that the view's events come from
     * @param topic the feature topic
     */
    public FeatureRecordSerializer(String plan, String sourceTopic, String topic) {
        this.topic = topic;
        this.sourceTopic = sourceTopic.getBytes(StandardCharsets.UTF_8);
        fingerprint = PlanReader.read(plan).fingerprint().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(FeatureRow row, KafkaSinkContext context, Long timestamp) {
        Header[] headers = {
            new RecordHeader("fingerprint", fingerprint),
            new RecordHeader("topic", sourceTopic),
            new RecordHeader("partition", JsonWriter.ascii(Integer.toString(row.partition()))),
            new RecordHeader("offset", JsonWriter.ascii(Long.toString(row.offset()))),
        };
        return new ProducerRecord<>(topic, null, null, row.key(), row.value(), List.of(headers));
    }
}
