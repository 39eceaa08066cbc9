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

    private EventWatermarks watermarks(long disorder) {
        return new EventWatermarks(disorder, 1_000_000, clock::get);
    }

    private long emitted(EventWatermarks watermarks) {
        watermarks.emit(output);
        return output.last;
    }

    @Test
    void eventsMoveTime() {
        EventWatermarks watermarks = watermarks(10);
        assertEquals(Long.MIN_VALUE, emitted(watermarks));
        watermarks.event(490);
        watermarks.event(500);
        watermarks.event(400);
        assertEquals(489, emitted(watermarks));
    }

    @Test
    void noSingleRecordMovesTimeFar() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(0);
        watermarks.event(1_000_000);
        assertEquals(999_999, emitted(watermarks));
        watermarks.event(9_000_000_000L);
        watermarks.event(1_000_002);
        assertEquals(1_000_001, emitted(watermarks));
        watermarks.event(5_000_000);
        assertEquals(4_999_999, emitted(watermarks));
    }

    @Test
    void theFirstRecordIsASingleOneToo() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(9_000_000_000L);
        assertEquals(Long.MIN_VALUE, emitted(watermarks));
        watermarks.event(10);
        watermarks.event(11);
        assertEquals(10, emitted(watermarks));
    }

    @Test
    void twoRecordsThatAgreeMoveTime() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(0);
        watermarks.event(1);
        watermarks.event(9_000_000);
        watermarks.event(9_000_001);
        assertEquals(9_000_000, emitted(watermarks));
    }

    @Test
    void theLastRecordOfAPartitionMovesTime() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(0);
        watermarks.event(9_000_000);
        watermarks.end();
        assertEquals(8_999_999, emitted(watermarks));
    }

    @Test
    void theWallClockMovesAQuietTopicAndNothingBack() {
        EventWatermarks watermarks = watermarks(10);
        watermarks.atLeast(700);
        watermarks.atLeast(500);
        assertEquals(689, emitted(watermarks));
    }

    @Test
    void aBusyJobThatIsBehindTellsTimeOnceASecond() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(1);
        watermarks.event(1);
        watermarks.emit(output);
        for (int interval = 1; interval < 5; interval++) {
            pass(watermarks, EventWatermarks.BUSY, interval * 100_000);
            assertEquals(0, output.last);
        }
        pass(watermarks, EventWatermarks.BUSY, 500_000);
        assertEquals(499_999, output.last);
    }

    @Test
    void aJobThatIsUpToDateTellsTimeEachTime() {
        EventWatermarks watermarks = watermarks(0);
        watermarks.event(1);
        watermarks.event(1);
        watermarks.emit(output);
        pass(watermarks, EventWatermarks.BUSY, 200);
        assertEquals(199, output.last);
        // behind, but with hardly anything to do
        pass(watermarks, EventWatermarks.BUSY - 1, 100_000);
        assertEquals(99_999, output.last);
    }

    /** Lets 200 ms of the wall clock pass, in which events take event time to {@code greatest}. */
    private void pass(EventWatermarks watermarks, int events, long greatest) {
        for (int i = 0; i < events; i++) {
            watermarks.event(greatest);
        }
        clock.addAndGet(200);
        watermarks.emit(output);
    }
}
