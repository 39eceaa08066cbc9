package penstock.time;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.source.SourceEvent;
import org.junit.jupiter.api.Test;

class FleetTest {
    private static final long START = Long.MIN_VALUE;
    private static final long NONE = Long.MAX_VALUE;

    private final Fleet fleet = new Fleet();
    private final List<SourceEvent> asked = new ArrayList<>();
    private final Others others = new Others(asked::add);

    @Test
    void theSlowestReaderOfAnySourceCounts() {
        fleet.begin("orders", 2);
        fleet.begin("returns", 1);
        assertEquals(START, fleet.least());
        fleet.tell("orders", 0, 500);
        fleet.tell("orders", 1, NONE);
        assertEquals(START, fleet.least());
        fleet.tell("returns", 0, 300);
        assertEquals(300, fleet.least());
        fleet.tell("returns", 0, NONE);
        assertEquals(500, fleet.least());
    }

    @Test
    void aSourceThatBeginsAnewForgetsItsReaders() {
        fleet.begin("orders", 4);
        fleet.begin("orders", 1);
        fleet.tell("orders", 0, 7);
        assertEquals(7, fleet.least());
    }

    @Test
    void eachJobHasItsOwn() {
        assertSame(Fleet.of("a job"), Fleet.of("a job"));
        assertNotSame(Fleet.of("a job"), Fleet.of("another one"));
    }

    @Test
    void aReaderWaitsForTheOthersUntilItIsToldAboutThem() {
        assertEquals(START, others.tell(100));
        others.told(new Reached(40));
        assertEquals(40, others.tell(200));
        others.told(new Reached(900));
        assertEquals(300, others.tell(300));
    }

    @Test
    void aReaderAsksAgainOnceItHasAnAnswer() {
        others.tell(100);
        others.tell(150);
        assertEquals(List.of(new Reached(100)), asked);
        others.told(new Reached(40));
        others.tell(150);
        assertEquals(List.of(new Reached(100), new Reached(150)), asked);
    }

    @Test
    void aReaderWithoutABacklogSaysSoOnceAndAsksNoMore() {
        others.tell(100);
        others.told(new Reached(100));
        for (int look = 0; look < 3; look++) {
            others.tell(NONE);
            others.told(new Reached(500));
        }
        assertEquals(List.of(new Reached(100), new Reached(NONE)), asked);
    }

    @Test
    void aReaderThatFallsBehindWaitsForNews() {
        others.tell(NONE);
        others.told(new Reached(NONE));
        others.tell(NONE);
        assertEquals(START, others.tell(100));
        others.told(new Reached(80));
        assertEquals(80, others.tell(100));
    }

    @Test
    void aReaderAloneGoesByItself() {
        assertEquals(100, Others.NONE.tell(100));
        assertEquals(NONE, Others.NONE.tell(NONE));
    }
}
