package penstock.window;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Type;
import penstock.types.Wire;

/**
 * argmax and argmin: the value of the event that is the greatest, or least, by (another argument, time, value). Of a
 * sliding window it keeps the events that can still become it: times rising, each beaten by the one before it. Of a
 * lifetime it keeps the best alone.
 */
final class Chosen extends Accumulator {
    private final Input input;
    private final Input by;
    private final boolean greatest;
    private final boolean lasting;
    private final List<Pick> picks = new ArrayList<>();
    /** The picks before this place have left. */
    private int from;

    /** An event's time, what it goes by and its value. */
    private record Pick(long time, long byBits, @Nullable String byText, long bits, @Nullable String text) {}

    Chosen(Input input, Input by, boolean greatest, boolean lasting) {
        this.input = input;
        this.by = by;
        this.greatest = greatest;
        this.lasting = lasting;
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (input.takes(chunk, i) && by.takes(chunk, i)) {
            add(new Pick(chunk.time(i), by.bits(chunk, i), by.text(chunk, i), input.bits(chunk, i), input.text(chunk, i)));
        }
    }

    private void add(Pick pick) {
        int place = lasting ? from : Search.firstNotBefore(i -> picks.get(i).time, from, picks.size(), pick.time);
        // the best of those that live at least as long stands first among them
        if (place < picks.size() && !beats(pick, picks.get(place))) {
            return;
        }
        boolean beaten = place < picks.size() && (lasting || picks.get(place).time == pick.time);
        int after = beaten ? place + 1 : place;
        int before = place;
        while (before > from && beats(pick, picks.get(before - 1))) {
            before--;
        }
        picks.subList(before, after).clear();
        picks.add(before, pick);
    }

    private boolean beats(Pick a, Pick b) {
        int sign = compare(a, b);
        return greatest ? sign > 0 : sign < 0;
    }

    private int compare(Pick a, Pick b) {
        int sign = by.compare(a.byBits, a.byText, b.byBits, b.byText);
        if (sign == 0) {
            sign = Long.compare(a.time, b.time);
        }
        return sign != 0 ? sign : input.compare(a.bits, a.text, b.bits, b.text);
    }

    @Override
    public void remove(Chunk chunk, int i) {
        while (from < picks.size() && picks.get(from).time <= chunk.time(i)) {
            picks.set(from++, null);
        }
        if (from > picks.size() / 2) {
            picks.subList(0, from).clear();
            from = 0;
        }
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        Wire.writeSize(picks.size() - from, out);
        for (Pick pick : picks.subList(from, picks.size())) {
            out.writeLong(pick.time);
            writeValue(by, pick.byBits, pick.byText, out);
            writeValue(input, pick.bits, pick.text, out);
        }
    }

    private static void writeValue(Input of, long bits, @Nullable String text, DataOutputView out) throws IOException {
        if (of.type().isText()) {
            Wire.writeText(text, out);
        } else {
            out.writeLong(bits);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        for (long left = Wire.readSize(in); left > 0; left--) {
            long time = in.readLong();
            boolean byIsText = by.type().isText();
            long byBits = byIsText ? 0 : in.readLong();
            String byText = byIsText ? Wire.readText(in) : null;
            boolean isText = input.type().isText();
            picks.add(new Pick(time, byBits, byText, isText ? 0 : in.readLong(), isText ? Wire.readText(in) : null));
        }
    }

    @Override
    public Chosen copy() {
        Chosen copy = new Chosen(input, by, greatest, lasting);
        copy.picks.addAll(picks.subList(from, picks.size()));
        return copy;
    }

    static Emit emit(Type type) {
        return (from, out) -> {
            Chosen chosen = (Chosen) from;
            if (chosen.from == chosen.picks.size()) {
                out.nothing();
            } else {
                Pick best = chosen.picks.get(chosen.from);
                out.value(type, best.bits, best.text);
            }
            return false;
        };
    }
}
