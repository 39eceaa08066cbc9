package penstock.window;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.json.JsonWriter;
import penstock.plan.Parameters;
import penstock.plan.Type;
import penstock.types.Wire;

/**
 * The values that take part, each once with its count, in their order: distinct, percentile and, with a second order by
 * count, top_k. They lie in blocks of bounded size, so that a change moves few of them and a rank is found by the blocks'
 * totals.
 */
final class Multiset implements Accumulator {
    /** Values in a full block. */
    static final int BLOCK = 128;

    private final Input input;
    private final List<Block> blocks = new ArrayList<>();
    /** All values, and the different ones. */
    private long n;

    private long different;
    /** The same values by count, the most frequent first, then by value; null where top_k is not asked for. */
    private TreeSet<Counted> byCount;

    Multiset(Input input, boolean counted) {
        this.input = input;
        byCount = counted ? new TreeSet<>(this::compare) : null;
    }

    /** A value and how often it is there. */
    private record Counted(long bits, String text, long count) {}

    private int compare(Counted a, Counted b) {
        int sign = Long.compare(b.count, a.count);
        return sign != 0 ? sign : input.compare(a.bits, a.text, b.bits, b.text);
    }

    /** To be called after every change of a count. */
    private void recount(long bits, String text, long before, long now) {
        if (byCount != null && before > 0) {
            byCount.remove(new Counted(bits, text, before));
        }
        if (byCount != null && now > 0) {
            byCount.add(new Counted(bits, text, now));
        }
    }

    /** Neighbours in order. */
    private static final class Block {
        int size;
        /** Null for strings. */
        long[] bits;
        /** Null unless strings. */
        String[] texts;

        long[] counts = new long[BLOCK];
        long total;

        Block(boolean text) {
            if (text) {
                texts = new String[BLOCK];
            } else {
                bits = new long[BLOCK];
            }
        }

        long bitsAt(int i) {
            return bits == null ? 0 : bits[i];
        }

        String textAt(int i) {
            return texts == null ? null : texts[i];
        }

        void put(int i, long newBits, String newText) {
            if (bits != null) {
                bits[i] = newBits;
            } else {
                texts[i] = newText;
            }
        }

        /** Moves the values from place {@code i} on by {@code by}, down over others or up. */
        void shift(int i, int by) {
            Object values = bits != null ? bits : texts;
            System.arraycopy(values, i, values, i + by, size - i);
            System.arraycopy(counts, i, counts, i + by, size - i);
            size += by;
            if (texts != null && by < 0) {
                Arrays.fill(texts, size, size - by, null);
            }
        }

        /** Moves the values from place {@code i} on to the end of another block. */
        void moveTail(int i, Block to) {
            System.arraycopy(bits != null ? bits : texts, i, bits != null ? to.bits : to.texts, to.size, size - i);
            System.arraycopy(counts, i, to.counts, to.size, size - i);
            long moved = 0;
            for (int j = i; j < size; j++) {
                moved += counts[j];
            }
            to.size += size - i;
            to.total += moved;
            total -= moved;
            if (texts != null) {
                Arrays.fill(texts, i, size, null);
            }
            size = i;
        }

        Block copy() {
            Block copy = new Block(texts != null);
            copy.size = size;
            copy.bits = bits == null ? null : bits.clone();
            copy.texts = texts == null ? null : texts.clone();
            copy.counts = counts.clone();
            copy.total = total;
            return copy;
        }
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            add(input.bits(chunk, i), input.text(chunk, i));
        }
    }

    private void add(long bits, String text) {
        if (blocks.isEmpty()) {
            blocks.add(new Block(input.type().isText()));
        }
        int b = blockOf(bits, text);
        int place = placeIn(blocks.get(b), bits, text);
        if (place < 0) {
            place = -place - 1;
            if (blocks.get(b).size == BLOCK) {
                split(b);
                if (place > BLOCK / 2) {
                    b++;
                    place -= BLOCK / 2;
                }
            }
            insert(blocks.get(b), place, bits, text, 0);
        }
        long count = ++blocks.get(b).counts[place];
        blocks.get(b).total++;
        n++;
        recount(bits, text, count - 1, count);
    }

    private void insert(Block block, int place, long bits, String text, long count) {
        block.shift(place, 1);
        block.put(place, bits, text);
        block.counts[place] = count;
        different++;
    }

    private void split(int b) {
        Block upper = new Block(input.type().isText());
        blocks.get(b).moveTail(BLOCK / 2, upper);
        blocks.add(b + 1, upper);
    }

    /** The last block that does not begin after the value, else the first. */
    private int blockOf(long bits, String text) {
        int low = 0;
        int high = blocks.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            Block block = blocks.get(middle);
            if (input.compare(block.bitsAt(0), block.textAt(0), bits, text) <= 0) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /** The value's place in a block; where it is not there, -1 less the place at which it would be. */
    private int placeIn(Block block, long bits, String text) {
        int low = 0;
        int high = block.size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int sign = input.compare(block.bitsAt(middle), block.textAt(middle), bits, text);
            if (sign == 0) {
                return middle;
            } else if (sign < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return -low - 1;
    }

    @Override
    public void remove(Chunk chunk, int i) {
        if (!input.takes(chunk, i)) {
            return;
        }
        long bits = input.bits(chunk, i);
        String text = input.text(chunk, i);
        int b = blockOf(bits, text);
        Block block = blocks.get(b);
        int place = placeIn(block, bits, text);
        n--;
        block.total--;
        long count = --block.counts[place];
        recount(bits, text, count + 1, count);
        if (count == 0) {
            different--;
            block.shift(place + 1, -1);
            shrink(b);
        }
    }

    /** An empty block goes, and a small one joins the next where both together are half full. */
    private void shrink(int b) {
        Block block = blocks.get(b);
        if (block.size == 0) {
            blocks.remove(b);
        } else if (b + 1 < blocks.size() && block.size + blocks.get(b + 1).size <= BLOCK / 2) {
            blocks.get(b + 1).moveTail(0, block);
            blocks.remove(b + 1);
        }
    }

    @Override
    public boolean retract(Chunk chunk, int i) {
        remove(chunk, i);
        return true;
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        Wire.writeSize(different, out);
        for (Block block : blocks) {
            for (int i = 0; i < block.size; i++) {
                if (block.texts != null) {
                    Wire.writeText(block.texts[i], out);
                } else {
                    out.writeLong(block.bits[i]);
                }
                Wire.writeSize(block.counts[i], out);
            }
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        boolean text = input.type().isText();
        for (long left = Wire.readSize(in); left > 0; left--) {
            if (blocks.isEmpty() || blocks.get(blocks.size() - 1).size == BLOCK) {
                blocks.add(new Block(text));
            }
            Block block = blocks.get(blocks.size() - 1);
            long bits = text ? 0 : in.readLong();
            String value = text ? Wire.readText(in) : null;
            long count = Wire.readSize(in);
            insert(block, block.size, bits, value, count);
            recount(bits, value, 0, count);
            block.total += count;
            n += count;
        }
    }

    @Override
    public Multiset copy() {
        Multiset copy = new Multiset(input, false);
        copy.byCount = byCount == null ? null : new TreeSet<>(byCount);
        blocks.forEach(block -> copy.blocks.add(block.copy()));
        copy.n = n;
        copy.different = different;
        return copy;
    }

    static boolean distinct(Accumulator from, JsonWriter out) {
        out.integer(((Multiset) from).different);
        return false;
    }

    /** The value at the nearest rank of a share. */
    static Emit percentile(Type type, Parameters share) {
        return (from, out) -> {
            Multiset values = (Multiset) from;
            if (values.n == 0) {
                out.nothing();
            } else {
                values.emit(rank(values.n, share), type, out);
            }
            return false;
        };
    }

    /** {@code max(0, ceil(n * share) - 1)}: counted from 0. No product is beyond a long below 2**36 values. */
    private static long rank(long n, Parameters share) {
        return Math.max(0, -Math.floorDiv(-n * share.numerator(), share.denominator()) - 1);
    }

    /** The k most frequent values, of equally frequent ones the least first. */
    static Emit top(Type type, int k) {
        return (from, out) -> {
            int left = k;
            out.raw('[');
            for (Counted each : ((Multiset) from).byCount) {
                if (left-- == 0) {
                    break;
                }
                if (left + 1 < k) {
                    out.raw(',');
                }
                out.value(type, each.bits, each.text);
            }
            out.raw(']');
            return false;
        };
    }

    private void emit(long rank, Type type, JsonWriter out) {
        long left = rank;
        int b = 0;
        while (left >= blocks.get(b).total) {
            left -= blocks.get(b++).total;
        }
        Block block = blocks.get(b);
        int place = 0;
        while (left >= block.counts[place]) {
            left -= block.counts[place++];
        }
        out.value(type, block.bitsAt(place), block.textAt(place));
    }
}
