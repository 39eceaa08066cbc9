package com.yammer.metrics.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.yammer.metrics.core.Histogram;
import com.yammer.metrics.core.MetricName;
import com.yammer.metrics.core.MetricsRegistry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ExponentiallyDecayingSampleTest {
    private final MetricsRegistry registry = new MetricsRegistry();

    /** As Kafka makes each of a request's histograms. */
    private Histogram histogram() {
        return registry.newHistogram(new MetricName("kafka.network", "RequestMetrics", "TotalTimeMs"), true);
    }

    @AfterEach
    void end() {
        registry.shutdown();
    }

    @Test
    void aHistogramShowsItsNewestValues() {
        Histogram histogram = histogram();
        assertEquals(0, histogram.getSnapshot().size());
        for (int value = 1; value <= 100; value++) {
            histogram.update(value);
        }
        assertEquals(50.5, histogram.getSnapshot().getMedian());
        for (int value = 0; value < 5_000; value++) {
            histogram.update(7);
        }
        assertEquals(1_028, histogram.getSnapshot().size());
        assertEquals(7, histogram.getSnapshot().get999thPercentile());
        assertEquals(5_100, histogram.count());
        assertEquals(100, histogram.max());
        histogram.clear();
        assertEquals(0, histogram.getSnapshot().size());
    }

    @Test
    void manyThreadsLoseNothingOfIt() throws InterruptedException {
        ExponentiallyDecayingSample sample = new ExponentiallyDecayingSample(4_000, 0.015);
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            long value = number;
            threads.add(new Thread(() -> {
                for (int i = 0; i < 1_000; i++) {
                    sample.update(value);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        double sum = 0;
        for (double value : sample.getSnapshot().getValues()) {
            sum += value;
        }
        assertEquals(4_000, sample.size());
        assertEquals(6_000, sum);
    }
}
