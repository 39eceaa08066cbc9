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

    /** A record's greatest size is 1 MB unless the broker says otherwise, and a dead letter holds one in base64. */
    static final int RAW_LIMIT = 700_000;

    /** Who writes these letters: inference names itself, too. */
    private static final String JOB = "stream";

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
        field("job", JOB, ',');
        field("topic", sourceTopic, ',');
        json.text("partition").raw(':').integer(letter.partition()).raw(',');
        json.text("offset").raw(':').integer(letter.offset()).raw(',');
        field("source", letter.source(), ',');
        field("view", letter.view(), ',');
        field("error", letter.error(), ',');
        // a letter that no topic takes would end the job, at every restart again
        boolean large = letter.raw().length > RAW_LIMIT;
        field("detail", large ? letter.detail() + tooMany(letter.raw().length) : letter.detail(), ',');
        field("raw", large ? null : Base64.getEncoder().encodeToString(letter.raw()), '}');
        return json.toBytes();
    }

    private static String tooMany(int bytes) {
        return " (" + bytes + " raw bytes are too many to repeat)";
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
