package penstock.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import penstock.Plans;

class PlanReaderTest {
    private static final String PLAN = Plans.view(
            Plans.source("id", 5), Plans.sliding(10, 3), Plans.feature("f", "count", null, 0, 0, "int64"));

    @Test
    void readsAllParts() {
        View view = PlanReader.read(PLAN);
        assertEquals("v", view.name());
        Source source = view.sources().get(0);
        assertEquals(new Source("src", "ts", "id", null, source.columns(), 5, 1000, 0, false), source);
        assertEquals(new Column("ts", Type.TIMESTAMP, false, Cast.PLAIN, 0), view.sources().get(0).columns().get(0));
        assertEquals(new Window(Window.Kind.SLIDING, "w", 10, 3, 0, 0), view.windows().get(0));
        assertEquals(
                new Feature("f", "count", -1, 0, 0, Type.INT64, -1, new Parameters(0, 1, 0, List.of()), List.of()),
                view.features().get(0));
        assertEquals(-1, view.args().get(2).places());
    }

    @Test
    void aUnionHasSeveralSources() {
        String plan = Plans.view(
                Plans.union(5), Plans.sliding(10, 3), Plans.feature("f", "count", null, 0, 0, "int64"));
        View view = PlanReader.read(plan);
        assertTrue(view.isUnion() && view.hasIds() && !view.hasOps());
        assertEquals(5, view.lateness());
        assertEquals(List.of(0, 1), List.of(view.place("a"), view.place("b")));
        assertThrows(PlanException.class, () -> view.place("src"));
        assertEquals(2, PlanReader.readAll("b", plan, plan).size());
        assertThrows(PlanException.class, () -> PlanReader.readAll("src", plan));
        assertThrows(PlanException.class, () -> PlanReader.readAll("b", plan, plan.replace(":5,", ":6,")));
        assertEquals(2, PlanReader.readAll("a", plan, plan.replace(":5,", ":6,")).size());
    }

    @Test
    void theFingerprintIsOfTheText() {
        View view = PlanReader.read(PLAN);
        assertEquals(64, view.fingerprint().length());
        assertTrue(!PlanReader.read(PLAN + " ").fingerprint().equals(view.fingerprint()));
    }

    @Test
    void refusesWhatItDoesNotCarry() {
        assertThrows(PlanException.class, () -> PlanReader.read("{"));
        assertThrows(PlanException.class, () -> PlanReader.read(PLAN.replace("\"format\":1", "\"format\":2")));
        assertThrows(PlanException.class, () -> PlanReader.read(PLAN.replace("sliding", "tumbling")));
        String other = PLAN.replace("\"lateness_ms\":5", "\"lateness_ms\":6");
        assertThrows(PlanException.class, () -> PlanReader.readAll("src", PLAN, other));
    }

    @Test
    void leavesOnTheGridBelowZeroToo() {
        Window stepped = new Window(Window.Kind.SLIDING, "w", 10, 7, 0, 0);
        assertEquals(10, stepped.leave(0));
        assertEquals(17, stepped.leave(1));
        assertEquals(17, stepped.leave(7));
        assertEquals(10, stepped.leave(-1));
        assertEquals(3, stepped.leave(-7));
        assertEquals(3, stepped.leave(-8));
        assertEquals(5, new Window(Window.Kind.SLIDING, "w", 10, 0, 0, 0).leave(-5));
        assertEquals(Window.NEVER, new Window(Window.Kind.LIFETIME, "l", 0, 0, 0, 0).leave(5));
    }

    @Test
    void aWindowThatWaitsIsEnteredLater() {
        Window hopping = new Window(Window.Kind.HOPPING, "w", 10, 4, 0, 0);
        assertEquals(-4, hopping.enter(-7));
        assertEquals(4, hopping.leave(-7));
        assertEquals(9, new Window(Window.Kind.SLIDING, "w", 10, 0, 4, 0).enter(5));
        assertEquals(19, new Window(Window.Kind.SLIDING, "w", 10, 0, 4, 0).leave(5));
    }

    @Test
    void aCalendarPeriodEndsForAllAtOnce() {
        Window calendar = new Window(Window.Kind.CALENDAR, "w", 10, 0, 0, 3);
        assertEquals(3, calendar.leave(-7));
        assertEquals(3, calendar.leave(2));
        assertEquals(13, calendar.leave(3));
    }

    @Test
    void stringsSortByCodePoint() {
        assertTrue(Order.compareText("\ue000", "\ud800\udc00") < 0);
        assertTrue("\ue000".compareTo("\ud800\udc00") > 0);
        assertTrue(Order.compareText("a", "ab") < 0);
        assertTrue(Order.compareText("\ud800\udc01", "\ud800\udc00") > 0);
        assertEquals(0, Order.compareText("x", "x"));
    }
}
