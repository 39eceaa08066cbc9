package penstock.parity;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.util.Collector;
import penstock.ingest.IngestDeserializer;
import penstock.ingest.Row;
import penstock.plan.PlanReader;

/**
 * What reading records costs, for the benchmarks: one JSON request per line in, one line with nanoseconds per record out.
 * A request is {@code {"plan":text,"layout":text,"records":[base64…],"rounds":n}}; the best of the rounds counts.
 */
public final class RecordCosts implements Collector<Row> {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final IngestDeserializer deserializer;
    private final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    private long bad;

    private RecordCosts(JsonNode request) throws Exception {
        String plan = request.get("plan").textValue();
        String source = PlanReader.read(plan).sources().get(0).name();
        deserializer = new IngestDeserializer(source, request.get("layout").textValue(), plan);
        deserializer.open(null);
        for (JsonNode record : request.get("records")) {
            records.add(SourceRun.record(records.size(), record.binaryValue(), null, null, new RecordHeaders()));
        }
    }

    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.print(cost(JSON.readTree(line)) + "\n");
            answers.flush();
        }
    }

    private static double cost(JsonNode request) throws Exception {
        RecordCosts costs = new RecordCosts(request);
        long best = Long.MAX_VALUE;
        for (int round = 0; round < request.get("rounds").intValue(); round++) {
            long start = System.nanoTime();
            costs.parse();
            best = Math.min(best, System.nanoTime() - start);
        }
        return (double) best / costs.records.size();
    }

    private void parse() throws IOException {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            deserializer.deserialize(record, this);
        }
        if (bad > 0) {
            throw new IllegalStateException(bad + " records were bad");
        }
    }

    @Override
    public void collect(Row row) {
        bad += row.bad == null ? 0 : 1;
    }

    @Override
    public void close() {}
}
