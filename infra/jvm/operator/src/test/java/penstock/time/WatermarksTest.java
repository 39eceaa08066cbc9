package penstock.time;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.junit.jupiter.api.Test;

class WatermarksTest {
    private final AtomicLong clock = new AtomicLong(1_000_000);
    private final Output output = new Output();

    private static final class Output implements WatermarkOutput {
        private long last;

        @Override
        public void emitWatermark(Watermark watermark) {
            last = watermark.getTimestamp();
        }

        @Override
        public void markIdle() {}

        @Override
        public void markActive() {}
    }

    @Test
    void eventsMoveTime() {
        EventWatermarks watermarks = new EventWatermarks(10, clock::get);
        watermarks.onPeriodicEmit(output);
        assertEquals(Long.MIN_VALUE, output.last);
        watermarks.onEvent(null, 500, output);
        watermarks.onEvent(null, 400, output);
        watermarks.onPeriodicEmit(output);
        assertEquals(489, output.last);
    }

    @Test
    void badRecordsMoveNothing() {
        EventWatermarks watermarks = new EventWatermarks(0, clock::get);
        watermarks.onEvent(null, 500, output);
        watermarks.onEvent(null, Long.MIN_VALUE, output);
        watermarks.onPeriodicEmit(output);
        assertEquals(499, output.last);
    }

    @Test
    void aQuietLiveTopicMovesWithTheClock() {
        LiveWatermarks watermarks = new LiveWatermarks(10, 2000, clock::get);
        watermarks.onEvent(null, 999_990, output);
        clock.addAndGet(1999);
        watermarks.onPeriodicEmit(output);
        assertEquals(999_979, output.last);
        clock.addAndGet(1);
        watermarks.onPeriodicEmit(output);
        assertEquals(1_000_000 - 10 - 1, output.last);
        clock.addAndGet(500);
        watermarks.onPeriodicEmit(output);
        assertEquals(1_000_500 - 10 - 1, output.last);
    }

    @Test
    void aLiveTopicWithoutAnyEventMovesToo() {
        LiveWatermarks watermarks = new LiveWatermarks(0, 2000, clock::get);
        clock.addAndGet(2000);
        watermarks.onPeriodicEmit(output);
        assertEquals(1_000_000 - 1, output.last);
    }

    @Test
    void aBusyJobThatIsBehindTellsTimeOnceASecond() {
        EventWatermarks watermarks = new EventWatermarks(0, clock::get);
        watermarks.onEvent(null, 1, output);
        watermarks.onPeriodicEmit(output);
        for (int interval = 1; interval < 5; interval++) {
            pass(watermarks, EventWatermarks.BUSY, interval * 100_000);
            assertEquals(0, output.last);
        }
        pass(watermarks, EventWatermarks.BUSY, 500_000);
        assertEquals(499_999, output.last);
    }

    @Test
    void aJobThatIsUpToDateTellsTimeEachTime() {
        EventWatermarks watermarks = new EventWatermarks(0, clock::get);
        watermarks.onEvent(null, 1, output);
        watermarks.onPeriodicEmit(output);
        pass(watermarks, EventWatermarks.BUSY, 200);
        assertEquals(199, output.last);
        // behind, but with hardly anything to do
        pass(watermarks, EventWatermarks.BUSY - 1, 100_000);
        assertEquals(99_999, output.last);
    }

    /** Lets 200 ms of the wall clock pass, in which events take event time to {@code greatest}. */
    private void pass(EventWatermarks watermarks, int events, long greatest) {
        for (int i = 0; i < events; i++) {
            watermarks.onEvent(null, greatest, output);
        }
        clock.addAndGet(200);
        watermarks.onPeriodicEmit(output);
    }
}
