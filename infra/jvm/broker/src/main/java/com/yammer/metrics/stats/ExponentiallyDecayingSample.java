package com.yammer.metrics.stats;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The newest values of one of the broker's own histograms, in place of a decaying sample of them.
 *
 * <p>It stands before the class of this name in Kafka's metrics-core 2.2.0, which keeps each sample in a skip list. A
 * broker puts several values into such lists for every request, and each put changes objects all over the old
 * generation, which the collector must then look through while everything stands still: at 1,000 requests and 150
 * transactions a second that was four fifths of each pause. An array has nothing to look through. What is measured, and
 * under which names, is as before; a percentile is that of the last values instead of about the last five minutes. Only
 * what the library's histograms call is here.
 */
public class ExponentiallyDecayingSample implements Sample {
    private final AtomicLongArray values;
    private final AtomicLong count = new AtomicLong();

    /** {@code size}: how many values are kept; {@code alpha}: how fast the library's own sample forgets. */
    public ExponentiallyDecayingSample(int size, double alpha) {
        values = new AtomicLongArray(size);
    }

    @Override
    public void clear() {
        count.set(0);
    }

    @Override
    public int size() {
        return (int) Math.min(values.length(), count.get());
    }

    @Override
    public void update(long value) {
        values.lazySet((int) (count.getAndIncrement() % values.length()), value);
    }

    @Override
    public Snapshot getSnapshot() {
        double[] kept = new double[size()];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = values.get(i);
        }
        return new Snapshot(kept);
    }
}
