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
import penstock.window.Mark;

/**
 * Emitted rows to records of a feature topic, with the headers fingerprint, topic, partition and offset; marks of
 * progress, with the first of these, to the partition that each is for.
 */
public final class FeatureRecordSerializer implements KafkaRecordSerializationSchema<FeatureRow> {
    private static final long serialVersionUID = 1L;

    private final String topic;
    private final byte[] fingerprint;
    private final byte[][] sourceTopics;
    // what a row has in common with most others is made once
    private transient Header fingerprintHeader;
    private transient Header[] topicHeaders;
    private transient Header partitionHeader;
    private transient int partition;

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
        if (fingerprintHeader == null) {
            fingerprintHeader = new RecordHeader("fingerprint", fingerprint);
            topicHeaders = Arrays.stream(sourceTopics)
                    .map(name -> new RecordHeader("topic", name))
                    .toArray(Header[]::new);
        }
        if (Mark.is(row)) {
            return new ProducerRecord<>(
                    topic, row.partition(), null, row.key(), row.value(), List.of(fingerprintHeader));
        }
        if (partitionHeader == null || row.partition() != partition) {
            partition = row.partition();
            partitionHeader = number("partition", partition);
        }
        Header[] headers = {
            fingerprintHeader, topicHeaders[row.source()], partitionHeader, number("offset", row.offset()),
        };
        return new ProducerRecord<>(topic, null, null, row.key(), row.value(), Arrays.asList(headers));
    }

    private static Header number(String name, long value) {
        return new RecordHeader(name, JsonWriter.ascii(Long.toString(value)));
    }
}
