package penstock.window;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.plan.Type;
import penstock.types.Wire;

/** Some values at one end of a window, by (time, value), the oldest first. */
abstract class Ends extends Accumulator {
    final Input input;
    final List<Timed> kept = new ArrayList<>();

    Ends(Input input) {
        this.input = input;
    }

    /** A value and its time. */
    record Timed(long time, long bits, @Nullable String text) {}

    final Timed timed(Chunk chunk, int i) {
        return new Timed(chunk.time(i), input.bits(chunk, i), input.text(chunk, i));
    }

    final int compare(Timed a, Timed b) {
        int sign = Long.compare(a.time, b.time);
        return sign != 0 ? sign : input.compare(a.bits, a.text, b.bits, b.text);
    }

    /** Puts a value in its place. */
    final void insert(Timed value) {
        int low = 0;
        int high = kept.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (compare(kept.get(middle), value) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        kept.add(low, value);
    }

    @Override
    public void remove(Chunk chunk, int i) {
        int gone = 0;
        while (gone < kept.size() && kept.get(gone).time <= chunk.time(i)) {
            gone++;
        }
        kept.subList(0, gone).clear();
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        Wire.writeSize(kept.size(), out);
        for (Timed value : kept) {
            out.writeLong(value.time);
            if (input.type().isText()) {
                Wire.writeText(value.text, out);
            } else {
                out.writeLong(value.bits);
            }
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        boolean text = input.type().isText();
        for (long left = Wire.readSize(in); left > 0; left--) {
            long time = in.readLong();
            kept.add(new Timed(time, text ? 0 : in.readLong(), text ? Wire.readText(in) : null));
        }
    }

    /** The k newest values. Those that are older leave before them, so none has to be found again. */
    static final class Newest extends Ends {
        private final int k;

        Newest(Input input, int k) {
            super(input);
            this.k = k;
        }

        @Override
        public void add(Chunk chunk, int i) {
            if (!input.takes(chunk, i)) {
                return;
            }
            Timed value = timed(chunk, i);
            if (kept.size() < k) {
                insert(value);
            } else if (compare(value, kept.get(0)) > 0) {
                kept.remove(0);
                insert(value);
            }
        }

        @Override
        public Newest copy() {
            Newest copy = new Newest(input, k);
            copy.kept.addAll(kept);
            return copy;
        }

        static Emit emit(Type type) {
            return (from, out) -> {
                List<Timed> kept = ((Newest) from).kept;
                out.raw('[');
                for (int i = kept.size() - 1; i >= 0; i--) {
                    out.value(type, kept.get(i).bits, kept.get(i).text);
                    if (i > 0) {
                        out.raw(',');
                    }
                }
                out.raw(']');
                return false;
            };
        }
    }

    /**
     * The k oldest values. It keeps up to twice as many, so that a search for the next ones, from the window's head on, is
     * made once for k that have left.
     */
    static final class Oldest extends Ends implements Accumulator.Refilled {
        private final int k;
        private final int room;
        /** Are these all values of the window? */
        private boolean all = true;

        Oldest(Input input, int k) {
            super(input);
            this.k = k;
            room = 2 * k;
        }

        @Override
        public void add(Chunk chunk, int i) {
            if (!input.takes(chunk, i)) {
                return;
            }
            Timed value = timed(chunk, i);
            if (all || compare(value, kept.get(kept.size() - 1)) < 0) {
                insert(value);
                trim();
            }
        }

        private void trim() {
            if (kept.size() > room) {
                kept.subList(room, kept.size()).clear();
                all = false;
            }
        }

        @Override
        public void refill(Events left) throws Exception {
            if (!all && kept.size() < k) {
                kept.clear();
                all = true;
                left.forEach(this::offer);
                trim();
            }
        }

        // all events of a time are looked at before the search ends
        private boolean offer(Chunk chunk, int i) {
            if (!input.takes(chunk, i)) {
                return true;
            }
            if (kept.size() >= room && chunk.time(i) > kept.get(kept.size() - 1).time) {
                all = false;
                return false;
            }
            insert(timed(chunk, i));
            return true;
        }

        @Override
        public void write(DataOutputView out) throws IOException {
            out.writeBoolean(all);
            super.write(out);
        }

        @Override
        public void read(DataInputView in) throws IOException {
            all = in.readBoolean();
            super.read(in);
        }

        @Override
        public Oldest copy() {
            Oldest copy = new Oldest(input, k);
            copy.kept.addAll(kept);
            copy.all = all;
            return copy;
        }

        static Emit emit(Type type) {
            return (from, out) -> {
                Oldest oldest = (Oldest) from;
                out.raw('[');
                for (int i = 0; i < Math.min(oldest.k, oldest.kept.size()); i++) {
                    if (i > 0) {
                        out.raw(',');
                    }
                    out.value(type, oldest.kept.get(i).bits, oldest.kept.get(i).text);
                }
                out.raw(']');
                return false;
            };
        }
    }
}
