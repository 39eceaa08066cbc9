package penstock.time;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.KafkaException;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Tells a partition that has been read to its end from one that is only slow to come. That it is quiet does not say it: a
 * broker may be away, and many partitions take turns. Nor do its offsets alone, because the last ones may hold no record.
 */
final class Backlogs implements AutoCloseable {
    /** How long to wait for a record that may be there; between two looks at all ends; after an error; in milliseconds. */
    private static final long WAIT = 200;

    private static final long LOOK = 1_000;
    private static final long RETRY = 500;

    private final Properties properties;
    private final Set<TopicPartition> watched = ConcurrentHashMap.newKeySet();
    /** The ends of those that are watched, at the last look. */
    private volatile Map<TopicPartition, Long> last = Map.of();

    private volatile long looks;
    /** Where each quiet partition is read on from. */
    private final Map<TopicPartition, Long> asked = new ConcurrentHashMap<>();
    /** From where on it holds no record. */
    private final Map<TopicPartition, End> ends = new ConcurrentHashMap<>();
    /** How often it was asked for the ends of quiet partitions, this time included. */
    private volatile long rounds;

    private final Thread thread;
    private volatile boolean closed;

    /** @param kafka the reader's own properties */
    Backlogs(Properties kafka) {
        properties = new Properties();
        properties.putAll(kafka);
        properties.remove("group.id");
        properties.remove("client.id");
        properties.remove("interceptor.classes");
        properties.setProperty("enable.auto.commit", "false");
        properties.setProperty("auto.offset.reset", "earliest");
        properties.setProperty("max.partition.fetch.bytes", "1");
        properties.setProperty("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.setProperty("value.deserializer", ByteArrayDeserializer.class.getName());
        thread = new Thread(this::run, "penstock backlogs");
        thread.setDaemon(true);
        thread.setContextClassLoader(Backlogs.class.getClassLoader());
        thread.start();
    }

    /** A partition held no record from {@code next} on in this round. */
    private record End(long next, long round) {}

    /** Is there no record from this offset on? Where that is not known, it is found out. */
    boolean isEnd(TopicPartition place, long next) {
        return isEnd(place, next, 0);
    }

    /** The first round that begins after this call. */
    long laterRound() {
        return rounds + 1;
    }

    /** The same, as of a round that is not before this one. */
    boolean isEnd(TopicPartition place, long next, long round) {
        End end = ends.get(place);
        if (end != null && end.next == next && end.round >= round) {
            return true;
        }
        asked.put(place, next);
        LockSupport.unpark(thread);
        return false;
    }

    /** From now on looks at the partition's end. */
    void watch(TopicPartition place) {
        watched.add(place);
        LockSupport.unpark(thread);
    }

    /** The partition's end at the last look; null where there was none. */
    Long end(TopicPartition place) {
        return last.get(place);
    }

    /** How many looks there were. */
    long looks() {
        return looks;
    }

    private void run() {
        KafkaConsumer<byte[], byte[]> consumer = null;
        long lookedAt = 0;
        while (!closed) {
            try {
                consumer = consumer == null ? new KafkaConsumer<>(properties) : consumer;
                if (System.currentTimeMillis() - lookedAt >= LOOK || !last.keySet().containsAll(watched)) {
                    lookedAt = System.currentTimeMillis();
                    last = consumer.endOffsets(Set.copyOf(watched));
                    looks++;
                }
                if (!asked.isEmpty()) {
                    rounds++;
                    answer(consumer, Map.copyOf(asked));
                }
                LockSupport.parkNanos((asked.isEmpty() ? LOOK : 1) * 1_000_000);
            } catch (KafkaException e) {
                // the partitions count as not read to their ends until it answers
                LockSupport.parkNanos(RETRY * 1_000_000);
            }
        }
        if (consumer != null) {
            consumer.close(Duration.ZERO);
        }
    }

    private void answer(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> places) {
        Map<TopicPartition, Long> to = consumer.endOffsets(places.keySet());
        Map<TopicPartition, Long> from = consumer.beginningOffsets(places.keySet());
        Map<TopicPartition, Long> open = new HashMap<>();
        places.forEach((place, next) -> {
            long at = Math.max(next, from.get(place));
            if (at < to.get(place)) {
                open.put(place, at);
            } else {
                answered(place, next, true);
            }
        });
        if (open.isEmpty()) {
            return;
        }
        consumer.assign(open.keySet());
        open.forEach(consumer::seek);
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(WAIT));
        for (TopicPartition place : open.keySet()) {
            boolean more = !records.records(place).isEmpty();
            if (more || consumer.position(place) >= to.get(place)) {
                answered(place, places.get(place), !more);
            }
        }
    }

    private void answered(TopicPartition place, long next, boolean ended) {
        if (ended) {
            ends.put(place, new End(next, rounds));
        }
        asked.remove(place, next);
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
