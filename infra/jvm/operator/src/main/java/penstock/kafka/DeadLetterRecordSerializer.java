package penstock.kafka;

import java.util.Base64;
import java.util.List;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeader;
import penstock.json.JsonWriter;
import penstock.route.DeadLetter;

/** Dead letters to records of the dead-letter topic: JSON with the raw bytes in base64, and the header error. */
public final class DeadLetterRecordSerializer implements KafkaRecordSerializationSchema<DeadLetter> {
    private static final long serialVersionUID = 1L;

    private final String sourceTopic;
    private final String topic;
    private transient JsonWriter json;

    /**
     * @param sourceTopic the topic that the records come from
     * @param topic the dead-letter topic
     */
    public DeadLetterRecordSerializer(String sourceTopic, String topic) {
        this.sourceTopic = sourceTopic;
        this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(DeadLetter letter, KafkaSinkContext context, Long timestamp) {
        var error = new RecordHeader("error", JsonWriter.ascii(letter.error()));
        return new ProducerRecord<>(topic, null, null, null, value(letter), List.of(error));
    }

    private byte[] value(DeadLetter letter) {
        if (json == null) {
            json = new JsonWriter();
        }
        json.clear();
        json.raw('{');
        field("topic", sourceTopic, ',');
        json.text("partition").raw(':').integer(letter.partition()).raw(',');
        json.text("offset").raw(':').integer(letter.offset()).raw(',');
        field("source", letter.source(), ',');
        field("view", letter.view(), ',');
        field("error", letter.error(), ',');
        field("detail", letter.detail(), ',');
        field("raw", Base64.getEncoder().encodeToString(letter.raw()), '}');
        return json.toBytes();
    }

    private void field(String name, String value, char after) {
        json.text(name).raw(':');
        if (value == null) {
            json.nothing();
        } else {
            json.text(value);
        }
        json.raw(after);
    }
}
