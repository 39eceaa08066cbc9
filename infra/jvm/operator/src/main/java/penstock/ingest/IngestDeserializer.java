package penstock.ingest;

import java.io.Serializable;
import java.util.List;
import java.util.function.LongSupplier;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.util.Collector;
import penstock.plan.Columns;
import penstock.plan.PlanReader;
import penstock.plan.Source;
import penstock.plan.View;
import penstock.types.PlainType;

/**
 * Kafka records of one source to rows. A malformed record is a marked row, so that nothing is lost and the job goes on.
 */
public final class IngestDeserializer implements KafkaRecordDeserializationSchema<Row> {
    private static final long serialVersionUID = 1L;

    private final String source;
    private final String layout;
    private final String[] plans;
    private final WallClock clock;
    private transient RowParser parser;

    /** In milliseconds. */
    public interface WallClock extends LongSupplier, Serializable {}

    /**
     * @param source its name
     * @param layout where its columns stand in its records, as JSON; empty: all under their own names
     * @param plans the canonical plans of all views that read it
     */
    public IngestDeserializer(String source, String layout, String... plans) {
        this(System::currentTimeMillis, source, layout, plans);
    }

    public IngestDeserializer(WallClock clock, String source, String layout, String... plans) {
        this.clock = clock;
        this.source = source;
        this.layout = layout;
        this.plans = plans;
        PlanReader.readAll(source, plans);
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        List<View> views = PlanReader.readAll(source, plans);
        Source own = own(source, views);
        parser = new RowParser(own, layout, Columns.used(own, views), clock);
    }

    /** The same for rows that were read before: documents of the columns' own names, and of their own types alone. */
    public static RowParser typedParser(String source, String... plans) {
        List<View> views = PlanReader.readAll(source, plans);
        Source own = own(source, views).asTyped();
        return new RowParser(own, Columns.used(own, views), System::currentTimeMillis);
    }

    private static Source own(String source, List<View> views) {
        return views.get(0).sources().get(views.get(0).place(source));
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Row> out) {
        out.collect(parser.parse(record));
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return new PlainType<>(Row.class, new RowSerializer());
    }
}
