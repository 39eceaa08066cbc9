package penstock.parity;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.util.Collector;
import penstock.ingest.IngestDeserializer;
import penstock.ingest.Row;
import penstock.json.JsonWriter;
import penstock.plan.Column;
import penstock.plan.Source;
import penstock.plan.View;

/** Kafka records of a view's source, with a value in every column, to be parsed as the job does. */
final class JsonRecords implements Collector<Row> {
    private final IngestDeserializer deserializer;
    private final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    private long bad;

    JsonRecords(View view, int count, SplittableRandom random) throws Exception {
        Source source = view.sources().get(0);
        deserializer = new IngestDeserializer(source.name(), "", view.json());
        deserializer.open(null);
        for (int i = 0; i < count; i++) {
            records.add(SourceRun.record(i, json(source, i, random), null, null, new RecordHeaders()));
        }
    }

    private static byte[] json(Source source, long time, SplittableRandom random) {
        JsonWriter json = new JsonWriter();
        char before = '{';
        for (Column column : source.columns()) {
            json.raw(before).text(column.name()).raw(':');
            long number = column.name().equals(source.time()) ? time : random.nextInt(100_000);
            json.value(column.type(), bits(column, number), "N" + number);
            before = ',';
        }
        return json.raw('}').toBytes();
    }

    private static long bits(Column column, long number) {
        return switch (column.type()) {
            case FLOAT64 -> Double.doubleToRawLongBits(number / 100.0);
            case BOOL -> number & 1;
            case INT64, TIMESTAMP, STRING, VECTOR -> number;
        };
    }

    /** Parses all of them. */
    void parse() throws Exception {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            deserializer.deserialize(record, this);
        }
        if (bad > 0) {
            throw new IllegalStateException(bad + " records were bad");
        }
    }

    @Override
    public void collect(Row row) {
        bad += row.bad != null ? 1 : 0;
    }

    @Override
    public void close() {}

    /** The bytes of one, on average. */
    double size() {
        return records.stream().mapToInt(record -> record.value().length).average().orElseThrow();
    }
}
